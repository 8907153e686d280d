//! Requests that a proxy before us may have understood otherwise, so that a request of one client could become another's:
//! what hyper lets pass of that is refused, or is the last of its connection. Pure.

use std::error::Error;

use bytes::Bytes;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;

/// Whether nothing that follows is to be read. RFC 9112 §6.1: with `Transfer-Encoding` there may be a `Content-Length`
/// too, which hyper takes away; whoever believes that one sees the request end elsewhere. No client of ours sends a body.
pub(super) fn is_last<B>(request: &Request<B>) -> bool {
    let is_1 = request.version() <= Version::HTTP_11;
    is_1 && (request.headers().contains_key(TRANSFER_ENCODING) || has_hosts(request))
}

/// RFC 9112 §3.2: a request with more than one `Host` is refused.
pub(super) fn refused<B>(request: &Request<B>) -> Option<Response<Full<Bytes>>> {
    has_hosts(request).then(|| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    })
}

/// What hyper itself has said to whom it cannot read, so that no request ever came here.
pub(super) fn answered(error: &(dyn Error + 'static)) -> Option<StatusCode> {
    let error = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse())?;
    if error.is_parse_version_h2() {
        None
    } else if !error.is_parse_too_large() {
        Some(StatusCode::BAD_REQUEST)
    // Nothing else tells the two apart.
    } else if error.to_string() == "URI too long" {
        Some(StatusCode::URI_TOO_LONG)
    } else {
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    }
}

fn has_hosts<B>(request: &Request<B>) -> bool {
    request.headers().get_all(HOST).iter().nth(1).is_some()
}
