//! What the admin address answers: how the process is, to those who watch over it.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use tracing::error;

use crate::live::Live;
use crate::respond::NOT_KEPT;
use crate::sight;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METRICS: HeaderValue = HeaderValue::from_static(sight::CONTENT_TYPE);

/// The answer to a request for this path.
pub(super) fn answer(method: &Method, path: &str, live: &Live) -> Response<Full<Bytes>> {
    let (status, content_type, body) = match path {
        _ if method != Method::GET && method != Method::HEAD => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "method not allowed\n".to_owned())
        }
        "/metrics" => metrics(live),
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => ready(live),
        _ => {
            (StatusCode::NOT_FOUND, TEXT, "not found: there are /metrics, /healthz and /readyz\n".to_owned())
        }
    };
    // HTTP/1 sends none for HEAD, but its length.
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, NOT_KEPT);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn metrics(live: &Live) -> (StatusCode, HeaderValue, String) {
    match sight::text(live.sight(), &live.view()) {
        Ok(text) => (StatusCode::OK, METRICS, text),
        Err(error) => {
            error!(%error, "metrics cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, TEXT, "no metrics; the log says why\n".to_owned())
        }
    }
}

/// Bases that are down make nobody unready: all endpoints see the same, would all be taken away at once, and there would
/// be no answer at all where a redirect may still lead to what the client's own network or a cache has.
fn ready(live: &Live) -> (StatusCode, HeaderValue, String) {
    if live.sight().is_stopping() {
        (StatusCode::SERVICE_UNAVAILABLE, TEXT, "stopping\n".to_owned())
    } else {
        (StatusCode::OK, TEXT, "ready\n".to_owned())
    }
}
