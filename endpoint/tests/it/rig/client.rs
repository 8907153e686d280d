//! An HTTP/1.1 client that sends what it is told, right or wrong, and reads one answer after the other.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::DEADLINE;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value, or the empty string.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(is, _)| is == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One connection.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.0.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    /// Sends a request without a body and reads its answer. `headers` are whole lines.
    pub(crate) fn ask(&mut self, request: &str, headers: &str) -> Answer {
        self.send(&format!("{request} HTTP/1.1\r\nHost: registry.test\r\n{headers}\r\n"));
        let mut answer = self.head();
        if !request.starts_with("HEAD ") {
            self.body(&mut answer);
        }
        answer
    }

    /// The next answer's status and headers.
    pub(crate) fn head(&mut self) -> Answer {
        let status = self.line().split(' ').nth(1).expect("a status line").parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Answer { status, headers, body: Vec::new() }
    }

    /// The body that belongs to this head.
    pub(crate) fn body(&mut self, answer: &mut Answer) {
        let length = answer.header("content-length").parse().unwrap_or(0);
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Everything until the server closes; it must.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            // Closed with something of ours unread: that is a close, too.
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => {
                panic!("not closed: {error}")
            }
            Ok(_) | Err(_) => rest,
        }
    }
}

/// One request on a connection of its own. `request` is `GET /path`.
pub(crate) fn ask(address: SocketAddr, request: &str, headers: &str) -> Answer {
    Client::connect(address).ask(request, headers)
}
