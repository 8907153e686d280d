//! What Docker is told of a registry's certificates.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};

use super::authority::Authority;

/// What Docker knows of one registry, while this is there. Docker reads it for each pull.
pub(crate) struct KnownToDocker(PathBuf);

impl KnownToDocker {
    pub(crate) fn new(host: &str) -> Self {
        let folder = Path::new("/etc/docker/certs.d").join(host);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Gives it a file of an authority, under the name that Docker looks for.
    pub(crate) fn tell(&self, authority: &Authority, file: &str, name: &str) {
        fs::copy(authority.path(file), self.0.join(name)).unwrap();
    }
}

impl Drop for KnownToDocker {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        // Only if we made them: they stay where somebody else's files are in them.
        for above in self.0.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(above);
        }
    }
}

/// An address of this machine that is not on loopback, where Docker asks for no certificate. Nothing is sent.
pub(crate) fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").expect("tests of TLS need a network with a default route");
    socket.local_addr().unwrap().ip()
}
