//! What the tests stand on: a server in this process, the program itself, a client that sends bytes as they are given.

#[path = "../../../../tests/rig/authority.rs"]
pub(crate) mod authority;
pub(crate) mod base;
pub(crate) mod bucket;
pub(crate) mod client;
pub(crate) mod metrics;
pub(crate) mod origin;
pub(crate) mod program;
pub(crate) mod settings;
pub(crate) mod trust;

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use endpoint::server;
use endpoint::settings::{Given, resolve};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

/// By when anything that must happen has happened, on the busiest machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A server on a port of its own, which stops when this is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// With these settings, and a CDN if they name nothing to serve.
    pub(crate) fn start(given: Given) -> Self {
        let cdn = if given.directory.is_some() { None } else { Some("https://cdn.test".to_owned()) };
        let settings = resolve(Given { cdn: given.cdn.or(cdn), ..given }, None, Given::default()).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime =
                runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                server::run(listener, settings, async { stopped.await.unwrap_or(()) }).await;
            });
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the server panicked");
    }
}
