//! Conditional requests, RFC 9110 §13, by the one validator that an object has: its entity tag. Pure.

use headers::{ETag, HeaderMapExt, IfMatch, IfNoneMatch, IfRange};
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{Either, Full};
use http_range_header::{ParsedRanges, parse_range_header};

use super::Body;

/// The range that is to be sent, where the request may have one.
pub(super) fn range(method: &Method, headers: &HeaderMap, version: &ETag) -> Option<ParsedRanges> {
    let range = headers.get(RANGE)?;
    // §14.2: a range is for GET alone, and one of another unit or that cannot be read is ignored.
    if method != Method::GET {
        return None;
    }
    let range = parse_range_header(range.to_str().ok()?).ok()?;
    // §13.1.5: whoever holds the beginning of another version gets the whole of this one. We give no dates, so a date
    // is another version too.
    let other = headers.typed_get::<IfRange>().is_some_and(|has| has.is_modified(Some(version), None));
    if other { None } else { Some(range) }
}

/// Takes the content away where the client has it already, or has said that it does not want this version.
pub(crate) fn apply(headers: &HeaderMap, version: &ETag, response: &mut Response<Body>) {
    let Some(status) = verdict(headers, version) else { return };
    *response.status_mut() = status;
    *response.body_mut() = Either::Left(Full::default());
    for about_content in [ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE] {
        response.headers_mut().remove(about_content);
    }
}

/// §13.2.2, in its order; `None` to send the content.
fn verdict(headers: &HeaderMap, version: &ETag) -> Option<StatusCode> {
    if headers.typed_get::<IfMatch>().is_some_and(|wanted| !wanted.precondition_passes(version)) {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    if headers.typed_get::<IfNoneMatch>().is_some_and(|held| !held.precondition_passes(version)) {
        return Some(StatusCode::NOT_MODIFIED);
    }
    None
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};

    use super::*;

    fn version() -> ETag {
        "\"sha256:ab\"".parse().unwrap()
    }

    #[test]
    fn conditions_decide_the_status() {
        for (name, value, status) in [
            (IF_NONE_MATCH, "\"sha256:ab\"", Some(StatusCode::NOT_MODIFIED)),
            (IF_NONE_MATCH, "W/\"sha256:ab\"", Some(StatusCode::NOT_MODIFIED)),
            (IF_NONE_MATCH, "\"x\", \"sha256:ab\"", Some(StatusCode::NOT_MODIFIED)),
            (IF_NONE_MATCH, "*", Some(StatusCode::NOT_MODIFIED)),
            (IF_NONE_MATCH, "\"sha256:cd\"", None),
            (IF_NONE_MATCH, "sha256:ab", None),
            (IF_MATCH, "\"sha256:ab\"", None),
            (IF_MATCH, "*", None),
            (IF_MATCH, "\"sha256:cd\"", Some(StatusCode::PRECONDITION_FAILED)),
            (IF_MATCH, "W/\"sha256:ab\"", Some(StatusCode::PRECONDITION_FAILED)),
        ] {
            let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]);
            assert_eq!(verdict(&headers, &version()), status, "{name}: {value}");
        }
    }

    #[test]
    fn a_range_is_kept_or_ignored() {
        for (method, range, if_range, kept) in [
            (Method::GET, "bytes=0-9", None, true),
            (Method::GET, "bytes=-5", None, true),
            (Method::GET, "bytes=5-", None, true),
            (Method::GET, "bytes=0-9", Some("\"sha256:ab\""), true),
            (Method::GET, "bytes=0-9", Some("\"sha256:cd\""), false),
            (Method::GET, "bytes=0-9", Some("W/\"sha256:ab\""), false),
            (Method::GET, "bytes=0-9", Some("Sat, 29 Oct 1994 19:43:31 GMT"), false),
            (Method::HEAD, "bytes=0-9", None, false),
            (Method::GET, "items=0-9", None, false),
            (Method::GET, "bytes=nine", None, false),
            (Method::GET, "", None, false),
        ] {
            let mut headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))]);
            if let Some(value) = if_range {
                headers.insert(IF_RANGE, HeaderValue::from_static(value));
            }
            assert_eq!(
                super::range(&method, &headers, &version()).is_some(),
                kept,
                "{method} {range} {if_range:?}"
            );
        }
    }
}
