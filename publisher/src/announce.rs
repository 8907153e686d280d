//! Telling others what changed in a store: CDNs, which are to forget it, then webhooks.
//!
//! Changes → [`Event`]s and keys → [`Request`]s are pure; [`send`] alone holds a socket.

pub mod changes;
pub mod purge;
pub mod send;
pub mod settings;
pub mod webhook;

use std::fmt;
use std::time::SystemTime;

pub use changes::{Action, Changes, Event};
pub use send::{Announcing, Failure};
pub use settings::{AnnounceError, PurgeFile, WebhookFile};

/// Who says so, in events and to servers.
pub const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// When something is told, and a number by which it is known to be the same when it is told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Of the change.
    pub time: SystemTime,
    /// Never the same twice.
    pub id: String,
}

impl Stamp {
    /// Of this moment.
    pub fn now() -> Self {
        Self { time: SystemTime::now(), id: format!("{:032x}", fastrand::u128(..)) }
    }

    fn seconds(&self) -> u64 {
        self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    /// As RFC 3339 has it.
    fn text(&self) -> String {
        humantime::format_rfc3339_seconds(self.time).to_string()
    }
}

/// A request, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`, `PURGE`.
    pub method: &'static str,
    /// To whom.
    pub url: url::Url,
    /// In this order.
    pub headers: Vec<(&'static str, String)>,
    /// What it carries.
    pub body: Vec<u8>,
}

/// Without the values of headers, which may be secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// Something that nobody reads in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a secret)")
    }
}

#[cfg(test)]
mod tests;
