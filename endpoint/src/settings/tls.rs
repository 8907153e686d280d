//! TLS of our own: the certificate that clients are shown, its key, and who signs theirs, each from a PEM file.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, InconsistentKeys, RootCertStore, ServerConfig};

use super::authorities::{self, AuthoritiesError};

/// TLS of our own.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Where it is from.
    pub files: TlsFiles,
    /// How a connection begins. `None` until the files are read: nobody is served without.
    pub(crate) config: Option<Arc<ServerConfig>>,
    /// What the files held just before they were read.
    pub(crate) seen: u64,
    /// Whether clients refuse the certificate because of its dates.
    pub(crate) untimely: bool,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those between it and an authority that clients trust.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities, one of which must have signed a client's certificate. Without it clients need none.
    pub client_ca: Option<PathBuf>,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One is given without the other.
    #[error("`tls-cert` and `tls-key` are only of use together, and `tls-client-ca` with both")]
    Incomplete,
    /// Not there, not allowed, or broken PEM.
    #[error("the TLS file `{}` cannot be read", path.display())]
    Unreadable {
        /// As it was given.
        path: PathBuf,
        /// What the system or the reader said.
        source: pem::Error,
    },
    /// A file without a certificate.
    #[error("there is no certificate in the TLS file `{}`", .0.display())]
    NoCertificate(PathBuf),
    /// A file without a key, or with an encrypted one.
    #[error("there is no private key in the TLS file `{}`", .0.display())]
    NoKey(PathBuf),
    /// A certificate that cannot be read, or a key of a kind that we do not know.
    #[error("the certificate in `{}` cannot be used with the private key in `{}`", certificate.display(), key.display())]
    Unusable {
        /// As it was given.
        certificate: PathBuf,
        /// As it was given.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The key of something else.
    #[error("the private key in `{}` is not that of the certificate in `{}`", key.display(), certificate.display())]
    Mismatch {
        /// As it was given.
        certificate: PathBuf,
        /// As it was given.
        key: PathBuf,
    },
    /// `tls-client-ca`.
    #[error("`tls-client-ca` names {}, which cannot be used", path.display())]
    ClientAuthorities {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        source: AuthoritiesError,
    },
}

impl TlsError {
    /// What helps, where we know it.
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoCertificate(_) | Self::ClientAuthorities { .. } => {
                Some("a file with -----BEGIN CERTIFICATE----- is wanted")
            }
            Self::NoKey(_) => {
                Some("a file with -----BEGIN PRIVATE KEY----- is wanted, not one with an encrypted key")
            }
            Self::Unusable { .. } | Self::Mismatch { .. } => {
                Some("the server's own certificate is the first in its file; those that signed it follow")
            }
            Self::Incomplete | Self::Unreadable { .. } => None,
        }
    }
}

impl TlsFiles {
    /// As they are given, if any is.
    pub(super) fn given(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
        client_ca: Option<PathBuf>,
    ) -> Result<Option<Self>, TlsError> {
        match (certificate, key, client_ca) {
            (Some(certificate), Some(key), client_ca) => Ok(Some(Self { certificate, key, client_ca })),
            (None, None, None) => Ok(None),
            _ => Err(TlsError::Incomplete),
        }
    }

    /// A number that changes when their content does.
    pub(crate) fn look(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in [&self.certificate, &self.key].into_iter().chain(&self.client_ca) {
            fs::read(path).ok().hash(&mut hasher);
        }
        hasher.finish()
    }
}

impl Tls {
    pub(super) fn unread(files: TlsFiles) -> Self {
        Self { files, config: None, seen: 0, untimely: false }
    }

    /// Reads the files.
    pub(super) fn read(&self) -> Result<Self, TlsError> {
        let files = self.files.clone();
        // Before they are read, so that a change in between is seen later.
        let seen = files.look();
        let provider = Arc::new(ring::default_provider());
        let certified = certified(&files, &provider)?;
        let untimely = certified.end_entity_cert().is_ok_and(|certificate| untimely(certificate, &provider));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has what every version of TLS needs");
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let refused = |source| TlsError::ClientAuthorities { path: path.clone(), source };
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(authorities::read(path).map_err(refused)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder
                    .with_client_cert_verifier(verifier.build().map_err(|_| refused(AuthoritiesError::None))?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files, config: Some(Arc::new(config)), seen, untimely })
    }

    /// What is wrong with the certificate, though it can be served with.
    pub(crate) fn note(&self) -> Option<String> {
        let file = self.files.certificate.display();
        self.untimely.then(|| format!("the certificate in {file} is not valid today: clients refuse it"))
    }
}

fn certified(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let TlsFiles { certificate, key, .. } = files;
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|source| unreadable(certificate, source))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(certificate.clone()));
    }
    let read = PrivateKeyDer::from_pem_file(key).map_err(|source| match source {
        pem::Error::NoItemsFound => TlsError::NoKey(key.clone()),
        source => unreadable(key, source),
    })?;
    CertifiedKey::from_der(chain, read, provider).map_err(|source| {
        let (certificate, key) = (certificate.clone(), key.clone());
        match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::Mismatch { certificate, key }
            }
            source => TlsError::Unusable { certificate, key, source },
        }
    })
}

fn unreadable(path: &Path, source: pem::Error) -> TlsError {
    TlsError::Unreadable { path: path.to_owned(), source }
}

/// Whether a certificate has expired, or is not valid yet. Dates are what is verified first, so it does not matter that
/// nobody is trusted here.
fn untimely(certificate: &CertificateDer<'_>, provider: &CryptoProvider) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
    let verified = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &RootCertStore::empty(),
        &[],
        UnixTime::now(),
        provider.signature_verification_algorithms.all,
    );
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        verified,
        Err(rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }
        ))
    )
}

#[cfg(test)]
mod tests;
