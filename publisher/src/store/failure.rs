//! What a store that is asked over HTTP, a registry that is a source, or the way to it, says: by meaning, and in words that
//! people read.

use std::time::Duration;

use super::{Kind, SendError, StoreError};
use crate::content::ContentError;

/// A request that failed. Holds nothing of the request itself, so no secret.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// HTTP's, 0 where there was no answer.
    pub(crate) status: u16,
    /// The protocol's own code of the error, empty where there is none.
    pub(crate) code: String,
    pub(crate) said: String,
    /// Whether it may succeed when it is sent again.
    pub(crate) passes: bool,
    /// Whether the store asks for fewer requests.
    pub(crate) slow_down: bool,
    /// How long the store wants to be left alone.
    pub(crate) after: Option<Duration>,
    /// Whether nobody knows if an attempt before this one was carried out.
    pub(crate) doubt: bool,
}

/// What was said, as the source of a store's error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

impl Failure {
    pub(crate) fn new(kind: Kind, said: impl Into<String>) -> Self {
        let passes = kind == Kind::Unavailable;
        let (status, code, said) = (0, String::new(), said.into());
        Self { kind, status, code, said, passes, slow_down: false, after: None, doubt: false }
    }

    /// One by an answer's status. `after` is its `Retry-After`.
    pub(crate) fn answered(status: u16, kind: Kind, said: String, after: Option<&str>) -> Self {
        let slow_down = matches!(status, 429 | 498 | 503);
        // A date is also allowed; stores send seconds.
        let after = after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
        Self { status, slow_down, after, ..Self::new(kind, said) }
    }

    /// Whether nobody knows if the request was carried out, by this attempt or one before it.
    pub(crate) fn leaves_doubt(&self) -> bool {
        self.doubt || self.kind == Kind::Unavailable
    }

    /// As the error of a store; `action` is what was tried.
    pub(crate) fn of_store(self, store: String, action: String) -> StoreError {
        StoreError { kind: self.kind, store, action, source: Some(Said(self.said).into()) }
    }
}

/// Which side failed while content was sent.
pub(crate) enum Trouble {
    Content(ContentError),
    Store(Failure),
}

impl Trouble {
    /// As the error of a store; `action` is what was tried.
    pub(crate) fn of_store(self, store: String, action: String) -> SendError {
        match self {
            Self::Content(error) => error.into(),
            Self::Store(failure) => failure.of_store(store, action).into(),
        }
    }
}

impl From<ContentError> for Trouble {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}
