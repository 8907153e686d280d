//! An authority of the tests' own, its certificates, and what Docker is told of them.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// An authority, with a folder for what it signs.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { folder: tempfile::tempdir().unwrap(), issuer };
        fs::write(authority.path("ca.crt"), authority.issuer.pem()).unwrap();
        authority
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// A certificate for a name or an address in `FILE.cert`, and its key in `FILE.key`.
    pub(crate) fn sign(&self, file: &str, name: &str) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path(&format!("{file}.cert")), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{file}.key")), key.serialize_pem()).unwrap();
    }
}

/// What Docker knows of one registry, while this is there. Docker reads it for each pull.
pub(crate) struct KnownToDocker(PathBuf);

impl KnownToDocker {
    pub(crate) fn new(host: &str) -> Self {
        let folder = Path::new("/etc/docker/certs.d").join(host);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Gives it this file of an authority.
    pub(crate) fn tell(&self, authority: &Authority, file: &str) {
        fs::copy(authority.path(file), self.0.join(file)).unwrap();
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
