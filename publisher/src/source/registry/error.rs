//! How a registry can fail as a source: by meaning, with what helps. No secret and no signed URL stands in it.

use std::error::Error;
use std::io;

use contract::digest::Digest;
use contract::manifest::ManifestError;

use super::address::AddressError;
use super::certs::CertsError;
use super::credentials::CredentialsError;
use crate::store::Kind;
use crate::store::failure::Failure;

/// Why nothing can be had from a registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// See [`AddressError`].
    #[error(transparent)]
    Address(#[from] AddressError),
    /// See [`CredentialsError`].
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// See [`CertsError`].
    #[error("the certificates for a registry cannot be used")]
    Certs(#[from] CertsError),
    /// No HTTP client.
    #[error("no registry can be asked")]
    Client(#[source] Box<dyn Error + Send + Sync>),
    /// It said no, or nothing.
    #[error("the registry {registry} {}: {action}", says(*.kind))]
    Failed {
        /// By meaning.
        kind: Kind,
        /// Its host.
        registry: String,
        /// What was tried.
        action: String,
        /// What it said.
        #[source]
        source: Said,
    },
    /// It has no such manifest.
    #[error("{0} is not there")]
    Absent(String),
    /// Its bytes are others than it says, or was asked for.
    #[error("{what} is damaged: {expected} was expected, and the bytes are {found}")]
    Damaged {
        /// What was asked for.
        what: String,
        /// By name, or by the registry's own word.
        expected: Digest,
        /// Of the bytes.
        found: Digest,
    },
    /// Not a manifest that can be published.
    #[error("{what} cannot be published")]
    Manifest {
        /// What was asked for.
        what: String,
        /// Why not.
        #[source]
        source: ManifestError,
    },
    /// A document of another shape.
    #[error("{what} is not valid")]
    Document {
        /// What was asked for.
        what: String,
        /// What is wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What was said of a failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said(String);

fn says(kind: Kind) -> &'static str {
    match kind {
        Kind::Denied => "does not permit it",
        Kind::Credentials => "does not accept who asks",
        Kind::Unavailable => "is out of reach or out of order",
        Kind::Missing => "does not have it",
        Kind::NoStore | Kind::Full | Kind::Conflict | Kind::Other => "failed",
    }
}

impl RegistryError {
    /// The registry's failure behind a failed reading, if it is one.
    pub fn behind(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// A request that failed; `action` is what was tried.
    pub(super) fn failed(registry: &str, action: impl Into<String>, failure: Failure) -> Self {
        let (kind, source) = (failure.kind, Said(failure.said));
        Self::Failed { kind, registry: registry.to_owned(), action: action.into(), source }
    }

    /// Whether what was typed or set is wrong.
    pub(in crate::source) fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Address(_) | Self::Credentials(CredentialsError::Half | CredentialsError::ManyHosts)
        )
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Address(_) => "write docker://HOST/REPOSITORY:TAG, such as docker://ghcr.io/acme/app:1.2",
            Self::Credentials(CredentialsError::Helper { .. }) => {
                "Docker's config.json names it: install it, or run docker login HOST without it"
            }
            Self::Credentials(CredentialsError::ManyHosts) => {
                "log in to each by docker login HOST or podman login HOST"
            }
            Self::Credentials(_) => "run docker login HOST, or podman login HOST, again",
            Self::Failed { kind: Kind::Credentials | Kind::Denied, .. } => {
                "run docker login HOST or podman login HOST, or set REGISTRY_PUBLISHER_SOURCE_USERNAME and \
                 REGISTRY_PUBLISHER_SOURCE_PASSWORD. Many registries answer so for a repository that is not there, too"
            }
            Self::Failed { kind: Kind::Unavailable, .. } => {
                "check the name and the network, and run it again: what was sent is not sent twice. A registry \
                 without TLS needs --insecure-source HOST, one with an authority of your own \
                 /etc/containers/certs.d/HOST/ca.crt, --cert-dir or SSL_CERT_FILE"
            }
            Self::Certs(_) => {
                "a folder holds authorities as NAME.crt, and a certificate of yours as NAME.cert with NAME.key, all in PEM"
            }
            Self::Absent(_) => "check repository and tag",
            Self::Damaged { .. } => "a proxy between may be out of order: run it again",
            Self::Manifest { source: ManifestError::Schema1, .. } | Self::Client(_) | Self::Failed { .. } => {
                return None;
            }
            Self::Manifest { .. } | Self::Document { .. } => {
                "the registry does not keep to the distribution spec"
            }
        };
        Some(hint.to_owned())
    }
}
