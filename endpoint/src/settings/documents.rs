//! `--documents serve`: from where and within what bounds documents are fetched and kept.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::{Base, Documents, Given, SettingsError, at_least_one, lasting};

/// Within what bounds documents are fetched and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// How long an answer of the origin may take, to its last byte.
    pub timeout: Duration,
    /// How many bytes of documents are kept in memory.
    pub cache: u64,
    /// Authorities that are trusted beside the bundled ones.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// `None` where clients are redirected.
pub(super) fn served(given: &Given) -> Result<Option<Served>, SettingsError> {
    let timeout = lasting("origin-timeout", given.origin_timeout.unwrap_or(Duration::from_secs(10)))?;
    let mebibytes = at_least_one("document-cache", given.document_cache.unwrap_or(32))?;
    Ok(match given.documents.unwrap_or_default() {
        Documents::Redirect => None,
        Documents::Serve => {
            Some(Served { timeout, cache: u64::from(mebibytes) << 20, authorities: Vec::new() })
        }
    })
}

/// `--origin`.
pub(super) fn origin(given: Option<&str>) -> Result<Option<Base>, SettingsError> {
    given
        .map(Base::parse)
        .transpose()
        .map_err(|source| SettingsError::Origin { given: given.unwrap_or_default().to_owned(), source })
}
