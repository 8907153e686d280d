//! A base on loopback that can fail, be gone, and come back on the same port.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// A server that answers every request with one status.
pub(crate) struct Base {
    pub(crate) address: SocketAddr,
    status: Arc<AtomicU16>,
    asked: Arc<Mutex<Vec<String>>>,
    gone: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Base {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut base = Self {
            address: listener.local_addr().unwrap(),
            status: Arc::new(AtomicU16::new(200)),
            asked: Arc::default(),
            gone: Arc::default(),
            thread: None,
        };
        base.serve(listener);
        base
    }

    fn serve(&mut self, listener: TcpListener) {
        let (status, asked, gone) =
            (Arc::clone(&self.status), Arc::clone(&self.asked), Arc::clone(&self.gone));
        gone.store(false, Ordering::SeqCst);
        self.thread = Some(thread::spawn(move || {
            for stream in listener.incoming() {
                if gone.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream.unwrap(), status.load(Ordering::SeqCst), &asked);
            }
        }));
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// From now on every answer has this status.
    pub(crate) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The first lines of all requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Its port is closed.
    pub(crate) fn leave(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        // It waits for a connection, and finds that it is to go.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn come_back(&mut self) {
        self.serve(TcpListener::bind(self.address).unwrap());
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.leave();
        }
    }
}

/// The client may have given up in the meantime, so nothing here must succeed.
fn answer(mut stream: TcpStream, status: u16, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    if let Some(first) = lines.next() {
        asked.lock().unwrap().push(first);
    }
    lines.for_each(drop);
    let _ = write!(stream, "HTTP/1.1 {status} Status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
