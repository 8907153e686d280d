//! Where connections come in. A socket is taken as it is: whether the runtime has to hear of it shows later.

use std::io;
use std::net::{self, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tracing::debug;

use crate::connection::Fresh;

/// A listening socket that the runtime waits for, as it does for any other socket: a listener of its own would make each
/// connection known to it.
pub(super) struct Door(TcpStream);

impl Door {
    /// The socket must not block.
    pub(super) fn new(listener: TcpListener) -> io::Result<Self> {
        // Answers are small and complete; waiting for more to send only adds latency. Accepted sockets have it from this
        // one, which saves a call for each.
        if let Err(error) = SockRef::from(&listener).set_tcp_nodelay(true) {
            debug!(%error, "no TCP_NODELAY");
        }
        let socket = net::TcpStream::from(OwnedFd::from(listener));
        TcpStream::from_std(socket).map(Self)
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Fresh, SocketAddr)> {
        self.0.async_io(Interest::READABLE, || accept(&self.0)).await
    }
}

#[cfg(target_os = "linux")]
fn accept(listener: &TcpStream) -> io::Result<(Fresh, SocketAddr)> {
    use rustix::net::{SocketFlags, acceptfrom_with};

    let (socket, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let peer = peer.and_then(|peer| peer.try_into().ok()).ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((Fresh::new(socket.into()), peer))
}

/// Where a socket cannot be accepted as one that does not block.
#[cfg(not(target_os = "linux"))]
fn accept(listener: &TcpStream) -> io::Result<(Fresh, SocketAddr)> {
    let (socket, peer) = SockRef::from(listener).accept()?;
    socket.set_nonblocking(true)?;
    let peer = peer.as_socket().ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((Fresh::new(socket.into()), peer))
}
