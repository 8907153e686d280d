//! What a reply looks like in HTTP. Pure.

use std::borrow::Cow;

use bytes::Bytes;
use contract::api::{ErrorCode, Unknown, error_document};
use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use crate::route::Reply;
use crate::settings::Settings;

/// The last release of the registry whose reading API v1 is. Docker 0.10 refuses a `_ping` that names none.
const V1_REGISTRY: &[u8] = b"0.9.1";
const JSON: &[u8] = b"application/json";
const TEXT: &[u8] = b"text/plain; charset=utf-8";

/// For all but redirects. RFC 9110 §15.1 lets caches keep 404, 405 and 414 for as long as they like; a CDN before us
/// would then hide a repaired setting or a new release, and all of these cost next to nothing to answer again.
const NO_STORE: &str = "no-store";
pub(crate) const NOT_KEPT: HeaderValue = HeaderValue::from_static(NO_STORE);

/// Of a redirect that another client might not get: no header tells caches that it is for this address alone.
const OF_CLIENT: &[u8] = b"private, no-store";

/// A response as it is decided, in no library's shape: [`respond`] makes one of `http`'s of it, and the plain lane of a
/// connection writes it out as it is.
#[derive(Debug)]
pub(crate) struct Outline<'r> {
    pub(crate) status: StatusCode,
    /// What comes before the length.
    pub(crate) first: Field<'r>,
    /// What comes behind it.
    pub(crate) more: [Option<Field<'r>>; 3],
    /// What a GET gets. HEAD gets its length, RFC 9110 §9.3.2.
    pub(crate) body: Cow<'static, str>,
}

/// A header's name, in lower case, and its value.
pub(crate) type Field<'r> = (&'static str, &'r [u8]);

/// What a reply says.
pub(crate) fn outline<'r>(reply: &'r Reply, settings: &'r Settings) -> Outline<'r> {
    match reply {
        Reply::Ping => ping(settings),
        Reply::Version => version(settings),
        Reply::Healthy => fixed(StatusCode::OK, TEXT, "ok\n"),
        Reply::Redirect(location) => redirect(location, settings.redirect_caching.as_bytes()),
        Reply::RedirectOfClient(location) => redirect(location, OF_CLIENT),
        Reply::Unknown(unknown @ Unknown::Invalid(_)) => refusal(StatusCode::BAD_REQUEST, *unknown, ""),
        Reply::Unknown(unknown) => refusal(StatusCode::NOT_FOUND, *unknown, "not found\n"),
        Reply::MethodNotAllowed(unknown) => method_not_allowed(*unknown),
        Reply::TooLong => fixed(StatusCode::URI_TOO_LONG, TEXT, "path too long\n"),
        Reply::BadPage => bad_page(),
        Reply::OriginDown(voice) => refusal(StatusCode::SERVICE_UNAVAILABLE, *voice, "try again later\n"),
        Reply::OriginWrong(voice) => refusal(StatusCode::BAD_GATEWAY, *voice, "the origin has it wrong\n"),
        Reply::Failed => failed(),
    }
}

/// The response to a request of this method.
pub fn respond(reply: Reply, method: &Method, settings: &Settings) -> Response<Full<Bytes>> {
    let Outline { status, first, more, body } = outline(&reply, settings);
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let length = HeaderValue::from(body.len());
    let fields = more.into_iter().flatten().map(|(name, value)| (name, HeaderValue::from_bytes(value)));
    let first = [(first.0, HeaderValue::from_bytes(first.1)), (CONTENT_LENGTH.as_str(), Ok(length))];
    for (name, value) in first.into_iter().chain(fields) {
        // All of them are ours or were looked at.
        if let Ok(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    // hyper drops the body of an answer to HEAD in HTTP/1 but sends it in HTTP/2.
    if method != Method::HEAD {
        *response.body_mut() = match body {
            Cow::Borrowed(text) => Full::new(Bytes::from_static(text.as_bytes())),
            Cow::Owned(text) => Full::new(Bytes::from(text)),
        };
    }
    response
}

fn ping(settings: &Settings) -> Outline<'static> {
    let standalone: &[u8] = if settings.standalone { b"true" } else { b"false" };
    let mut outline = fixed(StatusCode::OK, JSON, "{}");
    outline.more[1] = Some(("x-docker-registry-version", V1_REGISTRY));
    outline.more[2] = Some(("x-docker-registry-standalone", standalone));
    outline
}

fn version(settings: &Settings) -> Outline<'static> {
    let mut outline = fixed(StatusCode::OK, JSON, "{}");
    // With it, Docker 1.10 to 17.05 does not fall back to v1 when the bucket says no in its own words.
    if settings.api_version_header {
        outline.more[1] = Some(("docker-distribution-api-version", b"registry/2.0"));
    }
    outline
}

/// 302 and not 308: Docker before 1.10 does not know the latter, and it must not be remembered for ever.
fn redirect<'r>(location: &'r str, caching: &'r [u8]) -> Outline<'r> {
    // Settings and grammar only let through what a header may hold; but this is where one would be split in two.
    if memchr::memchr3(b'\r', b'\n', 0, location.as_bytes()).is_some() {
        return failed();
    }
    Outline {
        status: StatusCode::FOUND,
        first: ("location", location.as_bytes()),
        more: [Some(("cache-control", caching)), None, None],
        body: Cow::Borrowed(""),
    }
}

fn method_not_allowed(unknown: Unknown) -> Outline<'static> {
    let mut outline = refusal(StatusCode::METHOD_NOT_ALLOWED, unknown, "method not allowed\n");
    outline.more[1] = Some(("allow", b"GET, HEAD"));
    outline
}

fn refusal(status: StatusCode, unknown: Unknown, text: &'static str) -> Outline<'static> {
    match unknown {
        Unknown::Plain => fixed(status, TEXT, text),
        Unknown::V2(code) | Unknown::Invalid(code) => {
            fixed(status, JSON, error_document(code, message(code)))
        }
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
        ErrorCode::Unavailable => "the registry cannot read this at the moment; try again later",
        ErrorCode::Unsupported => "this registry is for pulling only, and does not know this path or method",
    }
}

/// The spec's table has no code for it, and "the `code` field MUST be one of the following".
fn bad_page() -> Outline<'static> {
    let message = "n is to be a number, and last an entry of the list";
    fixed(StatusCode::BAD_REQUEST, JSON, error_document(ErrorCode::Unsupported, message))
}

fn failed() -> Outline<'static> {
    fixed(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "the registry failed; its log says why\n")
}

fn fixed(
    status: StatusCode,
    content_type: &'static [u8],
    body: impl Into<Cow<'static, str>>,
) -> Outline<'static> {
    Outline {
        status,
        first: ("content-type", content_type),
        more: [Some(("cache-control", NO_STORE.as_bytes())), None, None],
        body: body.into(),
    }
}

#[cfg(test)]
mod tests;
