//! An origin on loopback: objects with their types, as a bucket serves them, that can fail, wait and count.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use contract::key::Key;

/// A server that has objects.
pub(crate) struct Origin {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    /// By path: the header lines and the body.
    objects: HashMap<String, (String, Vec<u8>)>,
    /// What everything is answered with instead, whole.
    instead: Option<String>,
    held: bool,
    asked: Vec<String>,
    connections: usize,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&origin.state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&state);
                state.0.lock().unwrap().connections += 1;
                thread::spawn(move || serve(&stream, &state));
            }
        });
        origin
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Puts an object there, with an entity tag of its own.
    pub(crate) fn put(&self, key: &Key, content_type: &str, content: &[u8]) {
        let version = super::bucket::digest_of(content);
        self.put_with(key, &format!("Content-Type: {content_type}\r\nETag: \"{version}\"\r\n"), content);
    }

    /// Puts an object there with these header lines.
    pub(crate) fn put_with(&self, key: &Key, headers: &str, content: &[u8]) {
        let object = (headers.to_owned(), content.to_vec());
        self.state.0.lock().unwrap().objects.insert(format!("/{key}"), object);
    }

    pub(crate) fn remove(&self, key: &Key) {
        assert!(self.state.0.lock().unwrap().objects.remove(&format!("/{key}")).is_some(), "{key}");
    }

    /// From now on everything is answered with these bytes, and the connection closed; or as it is, with `None`.
    pub(crate) fn answers(&self, instead: Option<&str>) {
        self.state.0.lock().unwrap().instead = instead.map(str::to_owned);
    }

    /// Whether answers wait.
    pub(crate) fn hold(&self, held: bool) {
        self.state.0.lock().unwrap().held = held;
        self.state.1.notify_all();
    }

    /// The methods and paths of all requests, and whether each named a version that it has.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.0.lock().unwrap().asked.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.0.lock().unwrap().connections
    }
}

/// The other side may leave at any time, so nothing here must succeed.
fn serve(stream: &TcpStream, (state, released): &(Mutex<State>, Condvar)) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    loop {
        let first = lines.next()?;
        let headers: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let held = headers.iter().find_map(|line| line.strip_prefix("if-none-match: "));
        let question = first.strip_suffix(" HTTP/1.1")?;
        let (method, path) = question.split_once(' ')?;
        let mut state = state.lock().unwrap();
        state.asked.push(if held.is_some() { format!("{question} again") } else { question.to_owned() });
        let state = released.wait_while(state, |state| state.held).unwrap();
        if let Some(instead) = &state.instead {
            return (&*stream).write_all(instead.as_bytes()).ok();
        }
        let answer = match state.objects.get(path) {
            None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<none>".to_vec(),
            Some((headers, _)) if held.is_some_and(|held| headers.contains(held)) => {
                b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()
            }
            Some((headers, content)) => {
                let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", content.len());
                let content = if method == "HEAD" { &[][..] } else { content };
                [head.as_bytes(), content].concat()
            }
        };
        drop(state);
        (&*stream).write_all(&answer).ok()?;
    }
}
