//! Connections that are given to us with their first bytes: `TCP_DEFER_ACCEPT` of tcp(7). Whoever speaks to us speaks
//! first (HTTP, TLS and the PROXY protocol all do), so a connection is read at once where it is accepted, and one that says
//! nothing costs us nothing until the kernel's patience ends.

use std::io;

use socket2::Socket;

/// How long the kernel keeps a silent connection to itself, in seconds: the shortest that it knows, since ours is the
/// limit that the settings give.
#[cfg(target_os = "linux")]
const PATIENCE: usize = 1;

#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
struct DeferAccept;

#[cfg(target_os = "linux")]
nix::setsockopt_impl!(
    DeferAccept,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    usize,
    nix::sys::socket::sockopt::SetUsize
);

/// Asks the kernel for it. A kernel that does not know it (gVisor's, for one) gives connections as soon as they are made.
#[cfg(target_os = "linux")]
pub(super) fn until_data(socket: &Socket) -> io::Result<()> {
    match nix::sys::socket::setsockopt(socket, DeferAccept, &PATIENCE) {
        Ok(()) | Err(nix::errno::Errno::ENOPROTOOPT | nix::errno::Errno::EOPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Other systems have other names for it, or none.
#[cfg(not(target_os = "linux"))]
pub(super) fn until_data(_: &Socket) -> io::Result<()> {
    Ok(())
}
