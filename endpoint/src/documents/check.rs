//! Whether bytes are the document that they are to be, and what is to be said of it.

use bytes::Bytes;
use contract::digest::{Algorithm, Digest};
use contract::key::{ContentType, Key};
use contract::listing::{Catalog, Listing, Referrers, Search, TagList};
use contract::manifest::{Manifest, ManifestError};
use contract::media::MediaType;
use http::HeaderValue;
use http::header::InvalidHeaderValue;
use serde::de::IgnoredAny;
use tokio::task::{JoinError, spawn_blocking};

/// A document that may be answered with.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) bytes: Bytes,
    pub(super) content_type: HeaderValue,
    /// What clients call a manifest by. Of anything else, only what it is told apart by.
    pub(super) digest: Digest,
    pub(super) list: List,
    /// Of a v1 image.
    pub(super) layer_size: Option<u64>,
}

/// What a document says, where clients may ask for a part of it.
#[derive(Debug)]
pub(super) enum List {
    Tags(TagList),
    Catalog(Catalog),
    Referrers(Referrers),
    Search(Search),
    Not,
}

/// Why bytes are not the document that they are to be.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("its digest is {0}")]
    Digest(Digest),
    #[error("it is no manifest that clients could read")]
    Manifest(#[from] ManifestError),
    #[error("it is not the JSON that it is to be")]
    Json(#[from] serde_json::Error),
    #[error("its media type cannot be in a header")]
    MediaType(#[from] InvalidHeaderValue),
    #[error("it was not checked to the end")]
    Stopped(#[from] JoinError),
}

impl Document {
    /// What it takes in memory, about: entries of lists take more than their text.
    pub(super) fn size(&self) -> usize {
        match self.list {
            List::Not => self.bytes.len(),
            List::Tags(_) | List::Catalog(_) | List::Referrers(_) | List::Search(_) => 5 * self.bytes.len(),
        }
    }
}

/// What is checked between two answers, in bytes; more would hold up everybody on this core.
const SMALL: usize = 128 << 10;

/// As [`check`], without holding up others.
pub(super) async fn check_aside(
    key: &Key,
    bytes: Bytes,
    stated: Option<HeaderValue>,
) -> Result<Document, CheckError> {
    if bytes.len() <= SMALL {
        return check(key, bytes, stated.as_ref());
    }
    let key = key.clone();
    spawn_blocking(move || check(&key, bytes, stated.as_ref())).await?
}

/// `stated` is the `Content-Type` that they came with.
pub(super) fn check(key: &Key, bytes: Bytes, stated: Option<&HeaderValue>) -> Result<Document, CheckError> {
    let algorithm = match key {
        Key::DigestView(_, digest) => digest.algorithm(),
        _ => Algorithm::Sha256,
    };
    let digest = Digest::of(algorithm, &bytes);
    match key {
        Key::DigestView(_, wanted) if *wanted != digest => return Err(CheckError::Digest(digest)),
        _ => {}
    }
    let content_type = match key.content_type() {
        ContentType::Fixed(fixed) => HeaderValue::from_static(fixed),
        ContentType::OfManifest => {
            // What a web server guesses is no manifest's type, and does not count.
            let stated = stated.and_then(media_type);
            let manifest = Manifest::parse(&bytes, stated.as_ref())?;
            HeaderValue::from_str(manifest.media_type().as_str())?
        }
    };
    let list = match key {
        Key::TagList(_) => List::Tags(TagList::from_bytes(&bytes)?),
        Key::Catalog => List::Catalog(Catalog::from_bytes(&bytes)?),
        Key::Referrers(..) => List::Referrers(Referrers::from_bytes(&bytes)?),
        Key::Search => List::Search(Search::from_bytes(&bytes)?),
        Key::DigestView(..) | Key::TagView(..) => List::Not,
        _ => {
            // An error page that somebody sends with 200.
            serde_json::from_slice::<IgnoredAny>(&bytes)?;
            List::Not
        }
    };
    Ok(Document { bytes, content_type, digest, list, layer_size: None })
}

/// Some servers put a parameter behind it, `; charset=utf-8`.
fn media_type(stated: &HeaderValue) -> Option<MediaType> {
    Some(MediaType::from(stated.to_str().ok()?.split(';').next()?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCI: &str = MediaType::OCI_MANIFEST;
    const DOCKER: &str = MediaType::DOCKER_MANIFEST;

    fn manifest(media_type: &str) -> Bytes {
        let digest = Digest::of(Algorithm::Sha256, b"{}");
        Bytes::from(format!(
            r#"{{"schemaVersion":2{media_type},"config":{{"mediaType":"c","digest":"{digest}","size":2}},"layers":[]}}"#
        ))
    }

    #[test]
    fn a_manifest_goes_out_by_its_own_type_and_no_other() {
        let key = Key::TagView("a".parse().unwrap(), "1".parse().unwrap());
        let docker = format!(r#","mediaType":"{DOCKER}""#);
        for (media_type, stated, sent) in [
            (docker.as_str(), Some(DOCKER), Some(DOCKER)),
            (&docker, None, Some(DOCKER)),
            (&docker, Some("application/octet-stream"), Some(DOCKER)),
            (
                &docker,
                Some("application/vnd.docker.distribution.manifest.v2+json; charset=utf-8"),
                Some(DOCKER),
            ),
            (&docker, Some(OCI), None),
            ("", Some(OCI), Some(OCI)),
            ("", None, Some(OCI)),
            ("", Some(MediaType::OCI_INDEX), None),
            (r#","mediaType":"text/plain""#, None, None),
        ] {
            let stated = stated.map(HeaderValue::from_static);
            let checked = check(&key, manifest(media_type), stated.as_ref()).ok();
            let found = checked.as_ref().map(|document| document.content_type.to_str().unwrap());
            assert_eq!(found, sent, "{media_type} {stated:?}");
        }
    }

    #[test]
    fn only_what_has_the_digest_is_sent_by_it() {
        let bytes = manifest("");
        for algorithm in Algorithm::ALL {
            let digest = Digest::of(algorithm, &bytes);
            let key = Key::DigestView("a".parse().unwrap(), digest);
            assert_eq!(check(&key, bytes.clone(), None).unwrap().digest, digest);
            let other = Bytes::from([&bytes[..], b"\n"].concat());
            assert!(matches!(check(&key, other, None), Err(CheckError::Digest(_))), "{algorithm:?}");
        }
    }

    #[test]
    fn a_page_of_errors_is_no_listing() {
        let name = || "a/b".parse::<contract::name::Repository>().unwrap();
        let v1 = || contract::v1::Repository::of(&name()).unwrap();
        for key in [Key::TagList(name()), Key::Catalog, Key::Search, Key::V1Tags(v1()), Key::V1Images(v1())] {
            let page = Bytes::from_static(b"<html>try again</html>");
            assert!(matches!(check(&key, page, None), Err(CheckError::Json(_))), "{key}");
        }
    }
}
