//! Small objects, under conditions.

use bytes::Bytes;
use contract::key::Key;
use md5::{Digest, Md5};
use reqwest::Method;
use reqwest::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};

use super::super::failure::Failure;
use super::super::{Document, Kind, When, headers};
use super::http::Call;
use super::{Swift, stored};

impl Swift {
    /// None of the conditions is atomic: they keep those apart who do not come at the same moment.
    pub(super) async fn put_when(&self, key: &Key, document: &Document, when: When) -> Result<(), Failure> {
        let headers = stored(&headers(key, document.media_type.as_ref(), self.changing_ttl))?;
        match when {
            When::Always => self.put(key, document.bytes.clone(), headers).await,
            When::Absent => self.put_absent(key, document, headers).await,
            // A PUT knows no `If-Match`.
            When::Unchanged(version) => {
                if self.head(key).await?.and_then(|found| found.version) != Some(version) {
                    return Err(Failure::new(Kind::Conflict, "there is another object"));
                }
                self.put(key, document.bytes.clone(), headers).await
            }
        }
    }

    async fn put_absent(
        &self,
        key: &Key,
        document: &Document,
        mut headers: HeaderMap,
    ) -> Result<(), Failure> {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        match self.put(key, document.bytes.clone(), headers).await {
            // It may be ours: the answer to an attempt was lost.
            Err(failure) if failure.kind == Kind::Conflict && failure.doubt => {
                let ours = self.get(key).await?.is_some_and(|found| found.bytes == document.bytes);
                if ours { Ok(()) } else { Err(failure) }
            }
            written => written,
        }
    }

    /// One PUT of what is in memory, with its MD5.
    pub(super) async fn put(&self, key: &Key, bytes: Bytes, mut headers: HeaderMap) -> Result<(), Failure> {
        headers.insert(ETAG, hex_header(&md5(&bytes)));
        let call = Call { method: Method::PUT, headers, body: bytes, moves: false };
        let put = self.call(&self.path(key), "", &call).await;
        put.map(|_| ()).map_err(|failure| self.no_container(failure))
    }
}

/// In hex, as Swift writes it.
pub(super) fn md5(bytes: &[u8]) -> String {
    hex(Md5::new_with_prefix(bytes))
}

/// The same, of what a hasher has seen.
pub(super) fn hex(hasher: Md5) -> String {
    use std::fmt::Write;
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An `ETag`, unquoted: that is how Swift compares it.
pub(super) fn hex_header(hex: &str) -> HeaderValue {
    HeaderValue::from_str(hex).unwrap_or_else(|_| HeaderValue::from_static(""))
}
