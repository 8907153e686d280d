//! What is served with an authority's certificates, and TLS clients that trust it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::DEADLINE;
use super::authority::Authority;

impl Authority {
    /// One whose `server.pem` is for localhost.
    pub(crate) fn of_localhost() -> Self {
        let authority = Self::new();
        authority.sign("server", "localhost", 2100);
        authority
    }

    /// The flags with which `server.pem` is served.
    pub(crate) fn flags(&self) -> Vec<String> {
        let file = |name| self.path(name).to_str().unwrap().to_owned();
        vec!["--tls-cert".to_owned(), file("server.pem"), "--tls-key".to_owned(), file("server.key")]
    }

    /// A client that trusts this authority alone, and offers a protocol.
    pub(crate) fn client(&self, protocol: &str) -> ClientConfig {
        self.client_with(protocol, None)
    }

    /// The same, with a certificate of its own: `NAME.pem`.
    pub(crate) fn client_with(&self, protocol: &str, own: Option<PathBuf>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let key = PrivateKeyDer::from_pem_file(path.with_extension("key")).unwrap();
                let chain = vec![CertificateDer::from_pem_file(path).unwrap()];
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        config
    }
}

/// A connection of HTTP/1.1, after these bytes in plain.
pub(crate) fn connect(
    address: SocketAddr,
    before: &str,
    config: ClientConfig,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(before.as_bytes()).unwrap();
    let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    StreamOwned::new(client, stream)
}

/// All that comes for these requests, the last of which closes; an end without TLS's own is an error.
pub(crate) fn ask(address: SocketAddr, config: ClientConfig, requests: &str) -> io::Result<String> {
    let mut stream = connect(address, "", config);
    stream.write_all(requests.as_bytes())?;
    let mut answers = String::new();
    stream.read_to_string(&mut answers)?;
    Ok(answers)
}
