//! The headers that say what an object is and how long it may be kept. Pure.

use std::fmt::Display;

use contract::digest::Digest;
use contract::key::Key;
use headers::{ETag, HeaderMapExt};
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::Body;
use crate::respond::NOT_KEPT;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Which content it is: what caches compare, and what clients are told.
pub(super) struct Version {
    etag: ETag,
    digest: Option<HeaderValue>,
}

impl Version {
    /// Of a blob or a manifest: the digest is told too, so that clients need not compute it.
    pub(super) fn of_content(digest: &Digest) -> Self {
        Self { etag: etag(digest), digest: Some(ascii(digest.to_string())) }
    }

    /// Of anything else: by something that differs wherever the content does.
    pub(super) fn of(whatever: &impl Display) -> Self {
        Self { etag: etag(whatever), digest: None }
    }

    pub(super) fn etag(&self) -> &ETag {
        &self.etag
    }
}

/// RFC 9110 §8.8.3: strong, so that parts of a download may be put together.
fn etag(text: &impl Display) -> ETag {
    format!("\"{text}\"").parse().expect("digests and ids are letters, digits and a colon")
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("letters, digits and punctuation are a header's value")
}

/// Puts the headers onto a response that carries the object, a part of it, or word that the client has it.
pub(super) fn describe(key: &Key, version: Version, changing_ttl: u32, response: &mut Response<Body>) {
    let caching = match response.status() {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED => {
            ascii(key.cache_control(changing_ttl))
        }
        // That a range cannot be had must not be kept for as long as the object.
        _ => NOT_KEPT,
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, caching);
    headers.typed_insert(version.etag);
    if let Some(digest) = version.digest {
        headers.insert(CONTENT_DIGEST, digest);
    }
    // No date: it has whole seconds, in which a tag may move; and hard links share one. The entity tag is enough.
}
