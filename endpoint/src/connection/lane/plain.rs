//! Whether bytes are a plain request. Pure.

use std::mem::MaybeUninit;

use http::Method;
use httparse::{Header, Request, Status};

/// A plain request.
pub(super) struct Plain<'i> {
    /// GET or HEAD.
    pub(super) method: Method,
    pub(super) path: &'i str,
    pub(super) query: Option<&'i str>,
    /// Whether the client wants no second answer on this connection.
    pub(super) close: bool,
    /// How many bytes it takes, without a body.
    pub(super) length: usize,
}

/// More than clients send; who sends more is no plain client.
const HEADERS: usize = 32;

/// Reads the request at the beginning of `input` and goes on with it and its headers. `None` where it is not plain.
///
/// httparse is what hyper reads with, so both agree on where a request ends. A body, and whatever else may make a
/// difference there (RFC 9112 §6.3), is not plain.
pub(super) fn read<'i, T>(
    input: &'i [u8],
    then: impl FnOnce(Plain<'i>, &[Header<'i>]) -> Option<T>,
) -> Option<T> {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS];
    let mut request = Request::new(&mut []);
    let Ok(Status::Complete(length)) = request.parse_with_uninit_headers(input, &mut headers) else {
        return None;
    };
    let method = match request.method? {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        _ => return None,
    };
    // HTTP/1.0 closes by itself; RFC 9112 §3.2.1: the other forms of a target do not begin with a slash.
    let target = request.path.filter(|target| request.version == Some(1) && target.starts_with('/'))?;
    let close = closes(request.headers)?;
    let (path, query) = match memchr::memchr(b'?', target.as_bytes()) {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
        None => (target, None),
    };
    if query.is_some_and(|query| !query.bytes().all(is_plain)) {
        return None;
    }
    then(Plain { method, path, query, close, length }, request.headers)
}

/// RFC 3986 §3.4, without escapes being looked at. hyper refuses some other bytes, and takes a fragment away.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&byte)
}

/// Whether the connection is to be closed; `None` where a header asks for more than that.
fn closes(headers: &[Header<'_>]) -> Option<bool> {
    let (mut close, mut hosts) = (false, 0);
    for Header { name, value } in headers {
        // By length first, since most headers have another one.
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => {
                if value.eq_ignore_ascii_case(b"close") {
                    close = true;
                } else if !value.eq_ignore_ascii_case(b"keep-alive") {
                    return None;
                }
            }
            4 if name.eq_ignore_ascii_case("host") => hosts += 1,
            6 if name.eq_ignore_ascii_case("expect") => return None,
            7 if name.eq_ignore_ascii_case("upgrade") => return None,
            14 if name.eq_ignore_ascii_case("content-length") => return None,
            17 if name.eq_ignore_ascii_case("transfer-encoding") => return None,
            _ => {}
        }
    }
    (hosts < 2).then_some(close)
}
