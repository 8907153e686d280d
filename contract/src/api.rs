//! API paths: what a request of a client's asks for, and the error document that says no.
//!
//! v2 is the OCI distribution spec's ["Endpoints"](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints);
//! v1 is Docker's API of 2013, as daemons up to 17.05 speak it. Nothing here knows a method, a host or a query.

use serde_json::json;

use crate::digest::Digest;
use crate::key::Key;
use crate::name::{Repository, TagOrDigest};
use crate::v1;

mod path;

pub use path::path;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `/v1/_ping`: does this registry speak v1?
    Ping,
    /// `/v2/`: does it speak v2?
    Version,
    /// `/v1/search`: which repositories are there?
    Search,
    /// An object of the bucket.
    Object(Key),
    /// Nothing that a registry of objects has.
    Unknown(Unknown),
}

/// How a "no" is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// To nobody who reads JSON.
    Plain,
    /// To a v2 client, which expects an [`error_document`].
    V2(ErrorCode),
    /// The same, where the spec wants a 400: "If the request is invalid, such as a `<digest>` with an invalid syntax",
    /// the list of referrers "MUST NOT" be a 404, on which clients look for a tag instead.
    Invalid(ErrorCode),
}

/// The codes of the distribution spec's table "Error Codes" that a registry of objects has a use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A blob that is not there.
    BlobUnknown,
    /// A digest that is none.
    DigestInvalid,
    /// A manifest that is not there. Docker up to 17.05 goes on with v1 on this code, and on no other.
    ManifestUnknown,
    /// A repository's name that is none.
    NameInvalid,
    /// A repository that is not there.
    NameUnknown,
    /// What is asked for cannot be told for a while. Not in the spec's table, which is for 4XX, but what `distribution`
    /// says.
    Unavailable,
    /// Something that this registry does not do.
    Unsupported,
}

impl ErrorCode {
    /// As the document spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unsupported => "UNSUPPORTED",
        }
    }
}

/// The spec's error document, for a body of type `application/json`.
pub fn error_document(code: ErrorCode, message: &str) -> String {
    json!({ "errors": [{ "code": code.as_str(), "message": message }] }).to_string()
}

impl Request {
    /// Reads a path as it came over the wire: percent-encoded, without the query.
    ///
    /// Of all escapes only `%3A` is decoded, and only in a digest: some clients send it so. Any other escape would
    /// give one object many names, so it is unknown.
    pub fn parse(path: &str) -> Self {
        match path {
            "/v1/_ping" | "/_ping" => Self::Ping,
            "/v2/" | "/v2" => Self::Version,
            "/v1/search" => Self::Search,
            _ => {
                if let Some(rest) = path.strip_prefix("/v2/") {
                    v2(rest).map_or_else(Self::Unknown, Self::Object)
                } else {
                    let key = path.strip_prefix("/v1/").and_then(v1);
                    key.map_or(Self::Unknown(Unknown::Plain), Self::Object)
                }
            }
        }
    }
}

/// The name comes first and may hold any word, `blobs` too, so a path is read from its end.
fn v2(rest: &str) -> Result<Key, Unknown> {
    const NO_PATH: Unknown = Unknown::V2(ErrorCode::Unsupported);
    if rest == "_catalog" {
        return Ok(Key::Catalog);
    }
    let (rest, last) = rsplit(rest).ok_or(NO_PATH)?;
    let (name, kind) = rsplit(rest).ok_or(NO_PATH)?;
    let parsed = || name.parse::<Repository>().map_err(|_| ErrorCode::NameInvalid);
    match kind {
        "blobs" => {
            Repository::check(name).map_err(|_| Unknown::V2(ErrorCode::NameInvalid))?;
            digest(last).map(Key::Blob).map_err(Unknown::V2)
        }
        // Whatever is wrong with it, there is no such manifest: any other code stops old Docker from trying v1.
        "manifests" => {
            let key = parsed().ok().and_then(|name| manifest(name, last));
            key.ok_or(Unknown::V2(ErrorCode::ManifestUnknown))
        }
        "referrers" => {
            let key = parsed().and_then(|name| Ok(Key::Referrers(name, digest(last)?)));
            key.map_err(Unknown::Invalid)
        }
        "tags" if last == "list" => parsed().map(Key::TagList).map_err(Unknown::V2),
        _ => Err(NO_PATH),
    }
}

/// As [`str::rsplit_once`] at the last slash, at a fifth of its cost: every request pays it.
fn rsplit(path: &str) -> Option<(&str, &str)> {
    let slash = memchr::memrchr(b'/', path.as_bytes())?;
    Some((&path[..slash], &path[slash + 1..]))
}

fn manifest(name: Repository, last: &str) -> Option<Key> {
    Some(match tag_or_digest(last)? {
        TagOrDigest::Digest(digest) => Key::DigestView(name, digest),
        TagOrDigest::Tag(tag) => Key::TagView(name, tag),
    })
}

fn tag_or_digest(text: &str) -> Option<TagOrDigest> {
    // A digest has one of them, a tag neither.
    if text.contains([':', '%']) {
        digest(text).map(TagOrDigest::Digest).ok()
    } else {
        text.parse().map(TagOrDigest::Tag).ok()
    }
}

fn digest(text: &str) -> Result<Digest, ErrorCode> {
    text.parse().or_else(|_| {
        let (algorithm, rest) = text.split_once('%').ok_or(ErrorCode::DigestInvalid)?;
        let hex = rest.strip_prefix("3A").or_else(|| rest.strip_prefix("3a"));
        Digest::from_parts(algorithm, hex.unwrap_or_default()).map_err(|_| ErrorCode::DigestInvalid)
    })
}

fn v1(rest: &str) -> Option<Key> {
    let segments: Vec<&str> = rest.split('/').collect();
    let id = |text: &str| text.parse::<v1::Id>().ok();
    let two = |namespace, name| v1::Repository::parse(&format!("{namespace}/{name}"));
    // Old clients ask for the images of `app` but for the tags of `library/app`.
    let one = |name: &str| v1::Repository::of(&name.parse().ok()?);
    Some(match *segments.as_slice() {
        ["images", image, "json"] => Key::V1Json(id(image)?),
        ["images", image, "ancestry"] => Key::V1Ancestry(id(image)?),
        ["images", image, "layer"] => Key::V1Layer(id(image)?),
        ["repositories", namespace, name, "images"] => Key::V1Images(two(namespace, name)?),
        ["repositories", namespace, name, "tags"] => Key::V1Tags(two(namespace, name)?),
        ["repositories", namespace, name, "tags", tag] => {
            Key::V1Tag(two(namespace, name)?, tag.parse().ok()?)
        }
        ["repositories", name, "images"] => Key::V1Images(one(name)?),
        ["repositories", name, "tags"] => Key::V1Tags(one(name)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
