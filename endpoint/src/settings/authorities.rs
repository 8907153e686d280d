//! Authorities that sign certificates, from a PEM file.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Why a file gives no authorities.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// Not there, not allowed, or no PEM.
    #[error("it cannot be read")]
    Unreadable(#[source] pem::Error),
    /// No certificate in it.
    #[error("there is no certificate in it")]
    None,
    /// A certificate in it is none, or no authority's.
    #[error("a certificate in it is damaged")]
    Damaged(#[source] rustls::Error),
}

/// The certificates of a file; at least one, and each can be trusted.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates = read.map_err(AuthoritiesError::Unreadable)?;
    if certificates.is_empty() {
        return Err(AuthoritiesError::None);
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(AuthoritiesError::Damaged)?;
    }
    Ok(certificates)
}
