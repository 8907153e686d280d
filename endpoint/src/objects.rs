//! With `--directory`: the objects themselves, from a directory store.
//!
//! Layers and other blobs are streamed. tower-http and hyper-staticfile would do it too, but bring a table of all file
//! endings, a thirtieth of the program, for what is not needed here. Both make an entity tag of a file's size and time,
//! under which a tag that moves twice in a moment has one version: here it is the digest. All but layers and blobs are
//! small documents, which are read whole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use contract::api::{ErrorCode, Unknown};
use contract::digest::{Algorithm, Digest};
use contract::key::{ContentType, Key};
use contract::manifest::{Manifest, ManifestError};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{Either, Full};
use tracing::error;

use crate::route::Reply;

pub(crate) mod condition;
mod describe;
mod stream;

use describe::Version;

/// The body of every response: in memory, or a file while it is read.
pub(crate) type Body = Either<Full<Bytes>, stream::Rest>;

/// The largest document that is read into memory, in bytes: the tag list of a hundred thousand long tags.
pub(crate) const DOCUMENT_MAX: u64 = 16 << 20;

/// Why an object is not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObjectError {
    #[error("there is no such object")]
    Missing,
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    #[error("it is no manifest; `registry-publisher relist` writes it anew")]
    NoManifest(#[source] ManifestError),
}

impl From<io::Error> for ObjectError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable(error),
        }
    }
}

/// Answers with an object of `directory`, as the request's headers want it; `Err` where there is none to send.
/// `changing_ttl` is in seconds.
pub(crate) async fn answer<B>(
    directory: &Path,
    key: &Key,
    request: &Request<B>,
    changing_ttl: u32,
) -> Result<Response<Body>, Reply> {
    let (mut response, version) = match read(directory, key, request).await {
        Ok(found) => found,
        Err(ObjectError::Missing) => return Err(Reply::Unknown(missing(key))),
        Err(error) => {
            let error: &(dyn std::error::Error + 'static) = &error;
            error!(error, object = %key, "an object is there but cannot be sent");
            return Err(Reply::Failed);
        }
    };
    condition::apply(request.headers(), version.etag(), &mut response);
    describe::describe(key, version, changing_ttl, &mut response);
    Ok(response)
}

/// The response as if there were no conditions, and which version of the object it carries.
async fn read<B>(
    directory: &Path,
    key: &Key,
    request: &Request<B>,
) -> Result<(Response<Body>, Version), ObjectError> {
    let version = match key {
        Key::Blob(digest) => return stream(directory, key, Version::of_content(digest), request).await,
        // As good as a digest: the id is derived from the layer's, so no other content ever has it.
        Key::V1Layer(id) => return stream(directory, key, Version::of(id), request).await,
        Key::DigestView(..) | Key::TagView(..) => Version::of_content,
        Key::LayerLink(..)
        | Key::RevisionLink(..)
        | Key::TagLink(..)
        | Key::TagHistoryLink(..)
        | Key::TagList(_)
        | Key::Referrers(..)
        | Key::Catalog
        | Key::V1Images(_)
        | Key::V1Tags(_)
        | Key::V1Tag(..)
        | Key::V1Json(_)
        | Key::V1Ancestry(_)
        | Key::Keep(..)
        | Key::Diff(..)
        | Key::Search
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => Version::of,
    };
    let document = document(directory, key).await?;
    let version = version(&Digest::of(algorithm(key), &document));
    Ok((whole(key, document, request.method())?, version))
}

/// What a document's version is told by: a manifest that is asked for by digest is told by that kind of digest.
fn algorithm(key: &Key) -> Algorithm {
    if let Key::DigestView(_, digest) = key { digest.algorithm() } else { Algorithm::Sha256 }
}

/// A file of any size.
async fn stream<B>(
    directory: &Path,
    key: &Key,
    version: Version,
    request: &Request<B>,
) -> Result<(Response<Body>, Version), ObjectError> {
    let range = condition::range(request.method(), request.headers(), version.etag());
    let response = stream::file(&directory.join(key.path()), request.method() == Method::HEAD, range).await?;
    Ok((response, version))
}

/// A document's bytes. Reading is one trip to the threads that may block, not one for each system call.
pub(crate) async fn document(directory: &Path, key: &Key) -> Result<Bytes, ObjectError> {
    let path = directory.join(key.path());
    let guard = key.guard().map(|guard| directory.join(guard.path()));
    let reading = tokio::task::spawn_blocking(move || read_whole(&path, guard.as_deref()));
    Ok(reading.await.map_err(io::Error::other)??)
}

fn read_whole(path: &Path, guard: Option<&Path>) -> io::Result<Bytes> {
    // `distribution` deletes a manifest's links and leaves our view of it.
    guard.map(fs::metadata).transpose()?;
    let mut bytes = Vec::new();
    File::open(path)?.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DOCUMENT_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Bytes::from(bytes))
}

/// Ranges are ignored, as RFC 9110 §14.2 allows: nobody resumes a document.
fn whole(key: &Key, document: Bytes, method: &Method) -> Result<Response<Body>, ObjectError> {
    let content_type = match key.content_type() {
        ContentType::Fixed(fixed) => HeaderValue::from_static(fixed),
        // Clients refuse a manifest of any other type than its own, and the file does not tell.
        ContentType::OfManifest => {
            let manifest = Manifest::parse(&document, None).map_err(ObjectError::NoManifest)?;
            HeaderValue::from_str(manifest.media_type().as_str())
                .map_err(|error| ObjectError::Unreadable(io::Error::other(error)))?
        }
    };
    let length = HeaderValue::from(document.len());
    let body = if method == Method::HEAD { Full::default() } else { Full::new(document) };
    let mut response = Response::new(Either::Left(body));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(CONTENT_LENGTH, length);
    Ok(response)
}

/// How a v2 client is told that there is no such object. It followed our redirect, so this is what it reads.
pub(crate) fn missing(key: &Key) -> Unknown {
    match key {
        Key::Blob(_) => Unknown::V2(ErrorCode::BlobUnknown),
        // Docker 1.10 to 17.05 goes on with v1 on exactly this code.
        Key::DigestView(..) | Key::TagView(..) | Key::Referrers(..) => {
            Unknown::V2(ErrorCode::ManifestUnknown)
        }
        Key::TagList(_) => Unknown::V2(ErrorCode::NameUnknown),
        Key::LayerLink(..)
        | Key::RevisionLink(..)
        | Key::TagLink(..)
        | Key::TagHistoryLink(..)
        | Key::Catalog
        | Key::V1Images(_)
        | Key::V1Tags(_)
        | Key::V1Tag(..)
        | Key::V1Json(_)
        | Key::V1Ancestry(_)
        | Key::V1Layer(_)
        | Key::Keep(..)
        | Key::Diff(..)
        | Key::Search
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => Unknown::Plain,
    }
}
