//! Proves that everybody can read a store: by requests without credentials, as clients send them.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, RANGE};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::anonymous::Anonymous;
use crate::store::{Document, Store, StoreError, When};

/// For one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often and how soon a refusal is asked for again: what was granted may take a while to hold everywhere.
const AGAIN: (u32, Duration) = (20, Duration::from_millis(500));
/// The part that is asked for.
const PART: std::ops::Range<usize> = 3..9;

/// What is answered where no object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// 404, which clients understand.
    NotFound,
    /// 403, which some clients take for an end.
    Forbidden,
    /// Neither.
    Other(u16),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("404"),
            Self::Forbidden => f.write_str("403"),
            Self::Other(status) => status.fmt(f),
        }
    }
}

/// Why it is not proven.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No HTTP client.
    #[error("nothing can be asked")]
    Client(#[source] Box<dyn Error + Send + Sync>),
    /// No answer.
    #[error("{0} cannot be asked")]
    Unreachable(String, #[source] reqwest::Error),
    /// An answer that is none of an object.
    #[error("{method} {url} without credentials is answered {status} instead of {expected}")]
    Status {
        /// Of the request.
        method: Method,
        /// Of the object.
        url: String,
        /// What came.
        status: StatusCode,
        /// What clients need.
        expected: StatusCode,
    },
    /// An answer that is not what was written.
    #[error("{method} {url} without credentials is answered with {what}")]
    Wrong {
        /// Of the request.
        method: Method,
        /// Of the object.
        url: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The object could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes an object of its own, asks for it in all ways that clients do below `base`, and removes it. Returns what is
/// answered where no object is.
pub async fn prove(store: &dyn Store, base: &str) -> Result<Missing, ProofError> {
    let bytes: Bytes = (0..64).map(|_| fastrand::alphanumeric()).collect::<String>().into();
    // Where clients ask for contents, and never at the same place: no cache knows it.
    let key = Key::Blob(Digest::of(Algorithm::Sha256, &bytes));
    let proof = Proof { http: Anonymous::new().map_err(ProofError::Client)?, base };
    store.write(&key, &Document::new(bytes.clone()), When::Always).await?;
    let read = proof.read(&key, &bytes).await;
    store.delete(&key).await?;
    read?;
    proof.missing(&key).await
}

struct Proof<'a> {
    http: Anonymous,
    base: &'a str,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Proof<'_> {
    async fn missing(&self, key: &Key) -> Result<Missing, ProofError> {
        let other = Key::Blob(Digest::of(Algorithm::Sha256, key.path().as_bytes()));
        Ok(match self.ask(Method::GET, &other, None).await?.status {
            StatusCode::NOT_FOUND => Missing::NotFound,
            StatusCode::FORBIDDEN => Missing::Forbidden,
            other => Missing::Other(other.as_u16()),
        })
    }

    async fn read(&self, key: &Key, bytes: &Bytes) -> Result<(), ProofError> {
        let mut got = self.ask(Method::GET, key, None).await?;
        for _ in 0..AGAIN.0 {
            if !matches!(got.status.as_u16(), 401 | 403 | 404) {
                break;
            }
            tokio::time::sleep(AGAIN.1).await;
            got = self.ask(Method::GET, key, None).await?;
        }
        self.expect(&Method::GET, key, &got, StatusCode::OK, got.body == *bytes)?;
        let head = self.ask(Method::HEAD, key, None).await?;
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        self.expect(&Method::HEAD, key, &head, StatusCode::OK, length == Some(bytes.len()))?;
        let range = format!("bytes={}-{}", PART.start, PART.end - 1);
        let part = self.ask(Method::GET, key, Some(range)).await?;
        self.expect(&Method::GET, key, &part, StatusCode::PARTIAL_CONTENT, part.body == bytes[PART])
    }

    fn expect(
        &self,
        method: &Method,
        key: &Key,
        answer: &Answer,
        expected: StatusCode,
        right: bool,
    ) -> Result<(), ProofError> {
        let (method, url, status) = (method.clone(), self.url(key), answer.status);
        if status != expected {
            return Err(ProofError::Status { method, url, status, expected });
        }
        let what = if method == Method::HEAD {
            "another length than was written"
        } else {
            "other bytes than were written"
        };
        if right { Ok(()) } else { Err(ProofError::Wrong { method, url, what }) }
    }

    fn url(&self, key: &Key) -> String {
        format!("{}/{key}", self.base.trim_end_matches('/'))
    }

    async fn ask(&self, method: Method, key: &Key, range: Option<String>) -> Result<Answer, ProofError> {
        let url = self.url(key);
        let unreachable = |error: reqwest::Error| ProofError::Unreachable(url.clone(), error.without_url());
        let Ok(place) = Url::parse(&url) else {
            return Err(ProofError::Wrong { method, url, what: "nothing, since it is no URL" });
        };
        let request = self.http.request(method, place).timeout(TIMEOUT);
        let request = match range {
            Some(range) => request.header(RANGE, range),
            None => request,
        };
        let response = request.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await.map_err(unreachable)? })
    }
}
