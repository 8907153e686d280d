//! What a request gets. Pure: no socket, no clock, no disk; the whole behaviour of the endpoint can be read here.

use std::net::IpAddr;
use std::path::Path;

use contract::api::{ErrorCode, Request, Unknown};
use contract::key::Key;
use http::Method;

use crate::health::Health;
use crate::settings::{Base, OBJECTS, Settings};

mod document;
mod location;
mod name;
mod why;

pub use why::why;

/// All of a request that its answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// The method.
    pub method: &'r Method,
    /// The request target's path as it came over the wire: percent-encoded, without host and query.
    pub path: &'r str,
    /// What stands behind the question mark. Only another registry may want it: it is not for a bucket (containerd's
    /// mirror requests carry `?ns=docker.io`).
    pub query: Option<&'r str>,
    /// The client's address, where any route wants to know it.
    pub client: Option<IpAddr>,
}

/// What a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'s> {
    /// Something that needs no I/O.
    Reply(Reply),
    /// With `--directory`: this object of that directory, if it is there.
    Object(&'s Path, Key),
    /// With `--documents serve`: this document, if it is there.
    Document(Wanted<'s>),
}

/// A document that we answer with ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'s> {
    /// What the client asks for.
    pub key: Key,
    /// What it is called where it is fetched from: a route may rewrite names.
    pub there: Key,
    /// Where it is fetched from.
    pub origin: Origin<'s>,
    /// Whether it is the catalog, to be searched.
    pub search: bool,
    /// Whether another client's may be fetched from elsewhere.
    pub by_client: bool,
}

/// Where documents are fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'s> {
    /// Below this base.
    Base(&'s Base),
    /// From this directory.
    Directory(&'s Path),
}

/// An answer that needs no I/O.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Yes, this is a v1 registry.
    Ping,
    /// Yes, this is a v2 registry.
    Version,
    /// The process is alive.
    Healthy,
    /// The object is at this URL.
    Redirect(String),
    /// For this client the object is at this URL, for another it may be elsewhere.
    RedirectOfClient(String),
    /// There is no such thing.
    Unknown(Unknown),
    /// Only GET and HEAD are answered; told in the words of the API that the path belongs to.
    MethodNotAllowed(Unknown),
    /// The path is longer than [`PATH_LIMIT`].
    TooLong,
    /// The query asks for no page that there can be.
    BadPage,
    /// The origin of this document does not answer; told in the words of the API that it belongs to.
    OriginDown(Unknown),
    /// It answers with something that this document cannot be; told likewise.
    OriginWrong(Unknown),
    /// Our own disk failed us.
    Failed,
}

/// The longest path that is looked at, in bytes. The longest that means something has a name of 255 and a digest of 135.
pub const PATH_LIMIT: usize = 8 * 1024;

/// Decides what a request without a query gets, where every base is up and nothing is known of the client.
pub fn route<'s>(method: &Method, path: &str, settings: &'s Settings) -> Answer<'s> {
    decide(&Asked { method, path, query: None, client: None }, settings, &Health::default())
}

/// Decides what a request gets.
///
/// There is no parameter for headers: an answer depends on nothing else, so any cache between a client and us may keep
/// it, if it does not depend on the client's address.
pub fn decide<'s>(asked: &Asked<'_>, settings: &'s Settings, health: &Health) -> Answer<'s> {
    let Asked { method, path, .. } = *asked;
    // Everything is published by other means, so nothing here changes anything: RFC 9110 §15.5.6. This also answers
    // `OPTIONS *` and `CONNECT host:port`, whose targets have no path.
    if method != Method::GET && method != Method::HEAD {
        return Answer::Reply(Reply::MethodNotAllowed(voice(path)));
    }
    // Before anything scans or allocates: what strangers send must not cost more than what clients send.
    if path.len() > PATH_LIMIT {
        return Answer::Reply(Reply::TooLong);
    }
    // For load balancers; `/v2/` would do, but a probe should not count as a client in anybody's statistics.
    if path == "/healthz" {
        return Answer::Reply(Reply::Healthy);
    }
    if let Some(object) = path.strip_prefix(OBJECTS) {
        return objects(object, settings);
    }
    Answer::Reply(match Request::parse(path) {
        // Docker up to 1.7, and `docker search` of today, ask this first and go no further without it.
        Request::Ping => Reply::Ping,
        // 200 says "v2, and no login needed" (distribution spec, "Determining Support"). Never redirected: clients
        // take what answers it for the registry.
        Request::Version => Reply::Version,
        Request::Search if settings.documents.is_some() => {
            return document::search(asked, settings, health);
        }
        // The catalog is the CDN's, and whoever cannot read it cannot search it.
        Request::Search => Reply::Unknown(Unknown::Plain),
        Request::Object(key) if settings.documents.is_some() && document::is(&key) => {
            return document::document(asked, key, settings, health);
        }
        Request::Object(key) => location::redirect(asked, key, settings, health),
        // Whatever the grammar refuses ends here: no path that a client made up is ever copied into a redirect.
        Request::Unknown(unknown) => Reply::Unknown(unknown),
    })
}

/// `/objects/…` is where `--directory` redirects to. Behind a CDN there is nothing under that path.
fn objects<'s>(path: &str, settings: &'s Settings) -> Answer<'s> {
    match (settings.routes.directory(), Key::parse(path)) {
        // Locks, staged files and marks lie in the same directory, and are nobody's business.
        (Some(directory), Some(key)) if key.is_public() => Answer::Object(directory, key),
        (Some(_) | None, _) => Answer::Reply(Reply::Unknown(Unknown::Plain)),
    }
}

/// Under `/v2/` clients read the spec's error document and show its message to people.
fn voice(path: &str) -> Unknown {
    if path == "/v2" || path.starts_with("/v2/") {
        Unknown::V2(ErrorCode::Unsupported)
    } else {
        Unknown::Plain
    }
}

#[cfg(test)]
mod tests;
