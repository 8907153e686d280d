//! What a reply looks like in HTTP. Pure.

use bytes::Bytes;
use contract::api::{ErrorCode, Unknown, error_document};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use crate::route::Reply;
use crate::settings::Settings;

const REGISTRY_VERSION: HeaderName = HeaderName::from_static("x-docker-registry-version");
const REGISTRY_STANDALONE: HeaderName = HeaderName::from_static("x-docker-registry-standalone");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// The last release of the registry whose reading API v1 is. Docker 0.10 refuses a `_ping` that names none.
const V1_REGISTRY: HeaderValue = HeaderValue::from_static("0.9.1");
const V2_API: HeaderValue = HeaderValue::from_static("registry/2.0");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// For all but redirects. RFC 9110 §15.1 lets caches keep 404, 405 and 414 for as long as they like; a CDN before us
/// would then hide a repaired setting or a new release, and all of these cost next to nothing to answer again.
pub(crate) const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// Of a redirect that another client might not get: no header tells caches that it is for this address alone.
const OF_CLIENT: HeaderValue = HeaderValue::from_static("private, no-store");

/// The response to a request of this method.
pub fn respond(reply: Reply, method: &Method, settings: &Settings) -> Response<Full<Bytes>> {
    let mut response = match reply {
        Reply::Ping => ping(settings),
        Reply::Version => version(settings),
        Reply::Healthy => fixed(StatusCode::OK, TEXT, Bytes::from_static(b"ok\n")),
        Reply::Redirect(location) => redirect(location, settings.redirect_caching.clone()),
        Reply::RedirectOfClient(location) => redirect(location, OF_CLIENT),
        Reply::Unknown(unknown) => refusal(StatusCode::NOT_FOUND, unknown, "not found\n"),
        Reply::MethodNotAllowed(unknown) => method_not_allowed(unknown),
        Reply::TooLong => fixed(StatusCode::URI_TOO_LONG, TEXT, Bytes::from_static(b"path too long\n")),
        Reply::Failed => failed(),
    };
    // hyper drops the body of an answer to HEAD in HTTP/1 but sends it in HTTP/2; the length stays, RFC 9110 §9.3.2.
    if method == Method::HEAD {
        *response.body_mut() = Full::default();
    }
    response
}

fn ping(settings: &Settings) -> Response<Full<Bytes>> {
    let mut response = fixed(StatusCode::OK, JSON, Bytes::from_static(b"{}"));
    response.headers_mut().insert(REGISTRY_VERSION, V1_REGISTRY);
    let standalone = if settings.standalone { "true" } else { "false" };
    response.headers_mut().insert(REGISTRY_STANDALONE, HeaderValue::from_static(standalone));
    response
}

fn version(settings: &Settings) -> Response<Full<Bytes>> {
    let mut response = fixed(StatusCode::OK, JSON, Bytes::from_static(b"{}"));
    // With it, Docker 1.10 to 17.05 does not fall back to v1 when the bucket says no in its own words.
    if settings.api_version_header {
        response.headers_mut().insert(API_VERSION, V2_API);
    }
    response
}

/// 302 and not 308: Docker before 1.10 does not know the latter, and it must not be remembered for ever.
fn redirect(location: String, caching: HeaderValue) -> Response<Full<Bytes>> {
    // Settings and grammar only let through what a header may hold.
    let Ok(location) = HeaderValue::try_from(location) else { return failed() };
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(CACHE_CONTROL, caching);
    response
}

fn method_not_allowed(unknown: Unknown) -> Response<Full<Bytes>> {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, unknown, "method not allowed\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn refusal(status: StatusCode, unknown: Unknown, text: &'static str) -> Response<Full<Bytes>> {
    match unknown {
        Unknown::Plain => fixed(status, TEXT, Bytes::from_static(text.as_bytes())),
        Unknown::V2(code) => fixed(status, JSON, Bytes::from(error_document(code, message(code)))),
    }
}

/// What clients show to people beside the code.
fn message(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BlobUnknown => "there is no such blob",
        ErrorCode::DigestInvalid => "this is not a digest",
        ErrorCode::ManifestUnknown => "there is no such manifest",
        ErrorCode::NameInvalid => "this is not the name of a repository",
        ErrorCode::NameUnknown => "there is no such repository",
        ErrorCode::Unsupported => "this registry is for pulling only, and does not know this path or method",
    }
}

fn failed() -> Response<Full<Bytes>> {
    fixed(
        StatusCode::INTERNAL_SERVER_ERROR,
        TEXT,
        Bytes::from_static(b"the registry failed; its log says why\n"),
    )
}

fn fixed(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(CACHE_CONTROL, NOT_KEPT);
    response
}

#[cfg(test)]
mod tests;
