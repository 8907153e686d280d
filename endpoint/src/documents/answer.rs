//! From a document to the answer that a client gets.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::api::{ErrorCode, Unknown};
use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::listing::{Catalog, Listing, Referrers, Search, TagList};
use headers::ETag;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HOST, LINK};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{Either, Full};
use tracing::error;

use super::check::{Document, List, check, check_aside};
use super::page::{BadQuery, Query};
use super::search::search;
use super::{Failure, Kept};
use crate::live::View;
use crate::objects::{self, Body, ObjectError, condition, missing};
use crate::respond::NOT_KEPT;
use crate::route::{Origin, Reply, Wanted};
use crate::settings::Settings;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
const V1_ENDPOINTS: HeaderName = HeaderName::from_static("x-docker-endpoints");
const V1_SIZE: HeaderName = HeaderName::from_static("x-docker-size");

/// Answers with a document, as the request's query and headers want it; `Err` where there is none to send.
pub(crate) async fn answer<B>(
    wanted: &Wanted<'_>,
    request: &Request<B>,
    view: &View,
) -> Result<Response<Body>, Reply> {
    let settings = &view.settings;
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let found = match find(wanted.origin, &wanted.there, view).await? {
        Ok(found) => found,
        Err(failure) => Found::New(Box::new(instead(wanted, failure)?)),
    };
    let part = if wanted.search {
        // Names are found without them too: stores that were made readable before there were any keep them to themselves.
        let said = find(wanted.origin, &Key::Search, view).await.ok().and_then(Result::ok);
        searched(found.document(), said.as_ref().map(Found::document), query)?
    } else {
        part(wanted, found.document(), query)?
    };
    Ok(response(wanted, &found, part, request, settings))
}

async fn find(origin: Origin<'_>, key: &Key, view: &View) -> Result<Result<Found, Failure>, Reply> {
    match origin {
        Origin::Directory(directory) => from_directory(directory, key).await,
        Origin::Base(base) => {
            let Some(documents) = &view.documents else { return Err(Reply::Failed) };
            let ttl = Duration::from_secs(view.settings.changing_ttl.into());
            Ok(documents.get(base, key, ttl).await.map(|(kept, age)| Found::Kept(kept, age)))
        }
    }
}

/// A document, from wherever it comes.
enum Found {
    Kept(Arc<Kept>, Duration),
    New(Box<Document>),
}

impl Found {
    fn document(&self) -> &Document {
        match self {
            Self::Kept(kept, _) => &kept.document,
            Self::New(document) => document,
        }
    }

    fn age(&self) -> Duration {
        match self {
            Self::Kept(_, age) => *age,
            Self::New(_) => Duration::ZERO,
        }
    }
}

/// A disk is asked each time: it is fast, and always right.
async fn from_directory(directory: &Path, key: &Key) -> Result<Result<Found, Failure>, Reply> {
    let refused = |error: &(dyn Error + 'static)| {
        error!(error, object = %key, "an object is there but cannot be sent");
        Reply::Failed
    };
    let bytes = match objects::document(directory, key).await {
        Ok(bytes) => bytes,
        Err(ObjectError::Missing) => return Ok(Err(Failure::Missing)),
        Err(error) => return Err(refused(&error)),
    };
    let mut document = check_aside(key, bytes, None).await.map_err(|error| refused(&error))?;
    if let Key::V1Json(id) = key {
        let layer = directory.join(Key::V1Layer(*id).path());
        let size = tokio::task::spawn_blocking(move || fs::metadata(layer).map(|layer| layer.len()).ok());
        document.layer_size = size.await.ok().flatten();
    }
    Ok(Ok(Found::New(Box::new(document))))
}

/// What is answered where there is no document.
fn instead(wanted: &Wanted<'_>, failure: Failure) -> Result<Document, Reply> {
    let key = &wanted.key;
    let empty = match (failure, key) {
        // "If the registry has no referrers, it MUST respond with 200 and an image index with an empty list."
        (Failure::Missing, Key::Referrers(..)) => Referrers::default().to_bytes(),
        // Written with the first repository.
        (Failure::Missing, Key::Catalog) => Catalog::default().to_bytes(),
        (Failure::Missing, key) => return Err(Reply::Unknown(missing(key))),
        (Failure::Down, _) => return Err(Reply::OriginDown(voice(wanted))),
        (Failure::Wrong, _) => return Err(Reply::OriginWrong(voice(wanted))),
    };
    check(key, Bytes::from(empty), None).map_err(|_| Reply::Failed)
}

/// How a client is told that we cannot say.
fn voice(wanted: &Wanted<'_>) -> Unknown {
    match wanted.key {
        _ if wanted.search => Unknown::Plain,
        Key::V1Images(_) | Key::V1Tags(_) | Key::V1Tag(..) | Key::V1Json(_) | Key::V1Ancestry(_) => {
            Unknown::Plain
        }
        _ => Unknown::V2(ErrorCode::Unavailable),
    }
}

/// What is sent of a document.
#[derive(Default)]
struct Part {
    /// `None` for the whole.
    bytes: Option<Vec<u8>>,
    header: Option<(HeaderName, String)>,
}

fn part(wanted: &Wanted<'_>, document: &Document, query: Result<Query, BadQuery>) -> Result<Part, Reply> {
    match (&wanted.key, &document.list) {
        (_, List::Not) => Ok(Part::default()),
        (Key::TagList(name), List::Tags(list)) => {
            let query = query.map_err(|_| Reply::BadPage)?;
            // A route may call it otherwise there.
            if !query.is_paged() && list.name == *name {
                return Ok(Part::default());
            }
            let (tags, more) = query.page(&list.tags).map_err(|_| Reply::BadPage)?;
            let path = format!("/v2/{name}/tags/list");
            let header = tags.last().filter(|_| more).map(|last| link(&path, &query, last.as_str()));
            let tags = tags.into_iter().cloned().collect();
            Ok(Part { bytes: Some(TagList { name: name.clone(), tags }.to_bytes()), header })
        }
        (_, List::Catalog(list)) => {
            let query = query.map_err(|_| Reply::BadPage)?;
            if !query.is_paged() {
                return Ok(Part::default());
            }
            let (names, more) = query.page(&list.repositories).map_err(|_| Reply::BadPage)?;
            let header =
                names.last().filter(|_| more).map(|last| link("/v2/_catalog", &query, last.as_str()));
            let repositories = names.into_iter().cloned().collect();
            Ok(Part { bytes: Some(Catalog { repositories }.to_bytes()), header })
        }
        (_, List::Referrers(list)) => {
            // Filtering is a favour: a filter that cannot be read is not applied, and the header is not there.
            let Some(wanted) = query.ok().and_then(|query| query.artifact_type) else {
                return Ok(Part::default());
            };
            let header = Some((FILTERS_APPLIED, "artifactType".to_owned()));
            Ok(Part { bytes: Some(list.of_type(&wanted).to_bytes()), header })
        }
        (_, List::Tags(_) | List::Search(_)) => Err(Reply::Failed),
    }
}

fn searched(
    catalog: &Document,
    said: Option<&Document>,
    query: Result<Query, BadQuery>,
) -> Result<Part, Reply> {
    let query = query.map_err(|_| Reply::BadPage)?;
    let List::Catalog(catalog) = &catalog.list else { return Err(Reply::Failed) };
    let said = match said.map(|said| &said.list) {
        Some(List::Search(said)) => said,
        _ => &Search::default(),
    };
    Ok(Part { bytes: Some(search(catalog, said, &query)), header: None })
}

/// A page of a list of these bytes, and its `Link`; `None` where it is refused.
#[cfg(fuzzing)]
pub(crate) fn page(key: &Key, list: &[u8], query: &str, search: bool) -> Option<(Vec<u8>, Option<String>)> {
    let origin = Origin::Directory(Path::new(""));
    let wanted = Wanted { key: key.clone(), there: key.clone(), origin, search, by_client: false };
    let document = check(key, Bytes::copy_from_slice(list), None).ok()?;
    let query = Query::parse(query);
    let part =
        if search { searched(&document, None, query) } else { part(&wanted, &document, query) }.ok()?;
    let link = part.header.filter(|(name, _)| *name == LINK).map(|(_, value)| value);
    Some((part.bytes.unwrap_or_else(|| document.bytes.to_vec()), link))
}

/// RFC 8288; relative, as the spec allows and `distribution` has it, so that it is right under any name of ours.
fn link(path: &str, query: &Query, last: &str) -> (HeaderName, String) {
    let n = query.n.unwrap_or_default();
    (LINK, format!("<{path}?n={n}&last={last}>; rel=\"next\""))
}

fn response<B>(
    wanted: &Wanted<'_>,
    found: &Found,
    part: Part,
    request: &Request<B>,
    settings: &Settings,
) -> Response<Body> {
    let (key, document) = (&wanted.key, found.document());
    let (bytes, digest) = match part.bytes {
        Some(bytes) => {
            let digest = Digest::of(Algorithm::Sha256, &bytes);
            (Bytes::from(bytes), digest)
        }
        None => (document.bytes.clone(), document.digest),
    };
    let etag = format!("\"{digest}\"");
    let length = HeaderValue::from(bytes.len());
    let body = if request.method() == Method::HEAD { Full::default() } else { Full::new(bytes) };
    let mut response = Response::new(Either::Left(body));
    response.headers_mut().insert(CONTENT_TYPE, document.content_type.clone());
    response.headers_mut().insert(CONTENT_LENGTH, length);
    if let Ok(etag) = etag.parse::<ETag>() {
        condition::apply(request.headers(), &etag, &mut response);
    }
    // What is left of the time for which it may be kept.
    let left = u64::from(settings.changing_ttl).saturating_sub(found.age().as_secs());
    let kept = |left| HeaderValue::try_from(key.cache_control(left)).unwrap_or(NOT_KEPT);
    let caching = match (response.status().is_client_error(), wanted.by_client) {
        (true, _) => NOT_KEPT,
        (false, true) => HeaderValue::from_static("private, no-store"),
        (false, false) => kept(u32::try_from(left).unwrap_or(u32::MAX)),
    };
    response.headers_mut().insert(CACHE_CONTROL, caching);
    let is_manifest = matches!(key, Key::DigestView(..) | Key::TagView(..));
    let more = [
        Some((ETAG, etag)),
        is_manifest.then(|| (CONTENT_DIGEST, digest.to_string())),
        (settings.api_version_header && is_v2(wanted)).then(|| (API_VERSION, "registry/2.0".to_owned())),
        matches!(key, Key::V1Images(_)).then(|| (V1_ENDPOINTS, host(request, settings))),
        document.layer_size.map(|size| (V1_SIZE, size.to_string())),
        part.header,
    ];
    for (name, value) in more.into_iter().flatten() {
        // All of them are ours or were looked at.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn is_v2(wanted: &Wanted<'_>) -> bool {
    voice(wanted) != Unknown::Plain
}

/// Where old Docker goes on to ask: to us, by the name that it knows.
fn host<B>(request: &Request<B>, settings: &Settings) -> String {
    if let Some(public) = &settings.public {
        return public.authority().to_owned();
    }
    let asked = request.uri().authority().cloned();
    let told = || request.headers().get(HOST)?.to_str().ok()?.parse::<Authority>().ok();
    asked.or_else(told).map(|host| host.as_str().to_owned()).unwrap_or_default()
}
