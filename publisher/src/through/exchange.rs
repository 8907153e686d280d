//! What was asked and what came: exchanges as plain values, for those who judge them.

use std::fmt;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName};
use url::Url;

/// How a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// GET, as clients written in Go send it: gzip is welcome.
    Get,
    /// GET of the bytes as they are.
    Plain,
    /// HEAD.
    Head,
    /// GET of the bytes from the first of these to the last.
    Part(u64, u64),
    /// GET as in [`How::Get`], of which no more than this many bytes are read.
    Begin(usize),
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("HEAD"),
            Self::Get | Self::Plain | Self::Begin(_) => f.write_str("GET"),
            Self::Part(first, last) => write!(f, "GET (bytes {first}-{last})"),
        }
    }
}

/// A request, the redirects that it was led by, and how it ended.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// How.
    pub how: How,
    /// Whom a client asks.
    pub url: Url,
    /// In their order.
    pub hops: Vec<Hop>,
    /// The answer that is no redirect.
    pub end: Result<Answer, Lost>,
}

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where it leads.
    pub to: Url,
}

/// What came at the end.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Its number.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// What was read of the body.
    pub body: Bytes,
}

/// Why nothing came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// No connection, no TLS, no time, or a body that broke off.
    Failed(String),
    /// A redirect without a `Location` that can be followed.
    Nowhere(String),
    /// More redirects than any client follows.
    Endless,
}

impl Exchange {
    /// Who was asked last.
    pub fn last(&self) -> &Url {
        self.hops.last().map_or(&self.url, |hop| &hop.to)
    }

    /// The answer, if it is one that says 200.
    pub fn found(&self) -> Option<&Answer> {
        self.end.as_ref().ok().filter(|answer| answer.status == 200)
    }

    /// What content is wrapped in on its way; `None` where it comes as it is.
    pub fn encoding(&self) -> Option<&str> {
        self.end.as_ref().ok()?.header("content-encoding").filter(|it| !matches!(*it, "" | "identity"))
    }
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get(HeaderName::from_static(name))?.to_str().ok()
    }

    /// `Content-Length`.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }
}
