//! One thread a core, each with a runtime, a socket and an accept loop of its own: a request is answered where it comes
//! in, and no core waits for another.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::sync::Arc;
use std::{io, thread};

use rustix::process::{Resource, getrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info};

use super::crowd::Room;
use super::door::Door;
use super::{StartError, defer, one_until};
use crate::connection::Role;
use crate::live::Live;

/// How many connections the kernel holds for a loop that has no time for them; it takes less where `somaxconn` says so.
const BACKLOG: i32 = 1024;

/// The threads that serve.
pub struct Cores {
    stop: DropGuard,
    /// Each has a sender, and sends nothing: it is closed when all of them have ended.
    running: mpsc::Receiver<Infallible>,
}

impl Cores {
    /// Binds the address of the settings, says in the log which one it is, and begins to serve.
    pub fn start(live: &Live) -> Result<Self, StartError> {
        let view = live.view();
        let count = count();
        let asked_for = view.settings.listen;
        let (address, listeners) =
            bind(asked_for, count).map_err(|source| StartError::Listen { address: asked_for, source })?;
        let stop = CancellationToken::new();
        let room = Arc::new(Room::default());
        let (alive, running) = mpsc::channel(1);
        for listener in listeners {
            let runtime = runtime::Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .build()
                .map_err(StartError::Thread)?;
            let (live, room, stop, alive) = (live.clone(), Arc::clone(&room), stop.clone(), alive.clone());
            let serve = async move {
                match Door::new(listener) {
                    Ok(door) => one_until(stop, door, live, Role::Public, room).await,
                    Err(error) => error!(%error, "a socket cannot be waited for"),
                }
                drop(alive);
            };
            let begun = thread::Builder::new().name("core".to_owned()).spawn(move || runtime.block_on(serve));
            begun.map_err(StartError::Thread)?;
        }
        info!(%address, redirects_to = %view.settings.routes, "listening");
        Ok(Self { stop: stop.drop_guard(), running })
    }

    /// Serves until `shutdown` resolves, then drains.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = shutdown => {}
            // Only if none of them could begin.
            _ = self.running.recv() => {}
        }
        drop(self.stop);
        self.running.recv().await;
    }
}

/// As many as we may use at a time, which a container's limit says; fewer where there are few descriptors, of which each
/// takes some: they are for clients.
fn count() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    cores.min(usize::try_from(descriptors / 16).unwrap_or(usize::MAX)).max(1)
}

/// Sockets between which the kernel divides the connections to one address, which may name any free port.
fn bind(address: SocketAddr, count: usize) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let first = socket(address)?;
    // Before it may share the address: so another program there is an error, and not one that gets every other client.
    first.bind(&address.into())?;
    first.set_reuse_port(count > 1)?;
    first.listen(BACKLOG)?;
    let first = TcpListener::from(first);
    let bound = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..count {
        let next = socket(address)?;
        next.set_reuse_port(true)?;
        next.bind(&bound.into())?;
        next.listen(BACKLOG)?;
        listeners.push(next.into());
    }
    Ok((bound, listeners))
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Connections of a process before this one may still be closing.
    socket.set_reuse_address(true)?;
    defer::until_data(&socket)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn the_sockets_of_one_address_are_together_and_nobody_elses() {
        let (address, listeners) = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        assert_eq!(listeners.len(), 3);
        for listener in &listeners {
            assert_eq!(listener.local_addr().unwrap(), address);
        }
        assert_eq!(bind(address, 3).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listeners);
        assert_eq!(bind(address, 1).unwrap().0, address);
    }

    /// A stalled machine may let the kernel's patience end in between, so there are some tries.
    #[test]
    #[cfg(target_os = "linux")]
    fn who_speaks_is_accepted_before_who_is_silent_and_both_are() {
        let (address, listeners) = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let next = || loop {
            match listeners[0].accept() {
                Ok((_, peer)) => return peer,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            thread::sleep(std::time::Duration::from_millis(1));
        };
        let in_order = |_| {
            let silent = TcpStream::connect(address).unwrap();
            let mut speaks = TcpStream::connect(address).unwrap();
            speaks.write_all(b"GET").unwrap();
            let came = [next(), next()];
            assert!(came.contains(&silent.local_addr().unwrap()));
            came[0] == speaks.local_addr().unwrap()
        };
        assert!((0..5).any(in_order));
    }
}
