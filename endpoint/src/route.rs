//! What a request gets. Pure: no socket, no clock, no disk; the whole behaviour of the endpoint can be read here.

use std::fmt::Write;
use std::path::Path;

use contract::api::{ErrorCode, Request, Unknown};
use contract::key::Key;
use http::Method;

use crate::settings::{OBJECTS, Origin, Settings};

/// What a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<'s> {
    /// Something that needs no I/O.
    Reply(Reply),
    /// With `--directory`: this object of that directory, if it is there.
    Object(&'s Path, Key),
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
    /// There is no such thing.
    Unknown(Unknown),
    /// Only GET and HEAD are answered; told in the words of the API that the path belongs to.
    MethodNotAllowed(Unknown),
    /// The path is longer than [`PATH_LIMIT`].
    TooLong,
    /// Our own disk failed us.
    Failed,
}

/// The longest path that is looked at, in bytes. The longest that means something has a name of 255 and a digest of 135.
pub const PATH_LIMIT: usize = 8 * 1024;

/// Decides what a request gets. `path` is the request target's path as it came over the wire: percent-encoded, without
/// host and query.
///
/// There is no parameter for headers, and the query has none either: an answer depends on nothing else, so any cache
/// between a client and us may keep it. (containerd's mirror requests carry `?ns=docker.io`, which is not for us.)
pub fn route<'s>(method: &Method, path: &str, settings: &'s Settings) -> Answer<'s> {
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
    match Request::parse(path) {
        // Docker up to 1.7, and `docker search` of today, ask this first and go no further without it.
        Request::Ping => Answer::Reply(Reply::Ping),
        // 200 says "v2, and no login needed" (distribution spec, "Determining Support").
        Request::Version => Answer::Reply(Reply::Version),
        Request::Object(key) => Answer::Reply(Reply::Redirect(location(&key, settings))),
        // Whatever the grammar refuses ends here: nothing that a client wrote is ever copied into a redirect.
        Request::Unknown(unknown) => Answer::Reply(Reply::Unknown(unknown)),
    }
}

/// `/objects/…` is where `--directory` redirects to. Behind a CDN there is nothing under that path.
fn objects<'s>(path: &str, settings: &'s Settings) -> Answer<'s> {
    match (&settings.origin, Key::parse(path)) {
        // Locks, staged files and marks lie in the same directory, and are nobody's business.
        (Origin::Directory(directory), Some(key)) if key.is_public() => Answer::Object(directory, key),
        (Origin::Directory(_) | Origin::Cdn(_), _) => Answer::Reply(Reply::Unknown(Unknown::Plain)),
    }
}

/// The object's final URL: one hop, since some clients (stargz-snapshotter) follow no second one.
fn location(key: &Key, settings: &Settings) -> String {
    let mut location = String::with_capacity(LOCATION_SIZE);
    location.push_str(settings.origin.base());
    // Writing to a String cannot fail.
    let _ = write!(location, "{key}");
    location
}

/// Enough for most, so that the string does not grow piece by piece.
const LOCATION_SIZE: usize = 256;

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
