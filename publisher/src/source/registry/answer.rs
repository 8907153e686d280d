//! What a registry answers: success, or a failure by meaning, in words that people read.

use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use humantime::format_duration;
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;

use super::pace::{self, WAIT_MAX};
use crate::store::Kind;
use crate::store::failure::Failure;

/// How much of what a registry says is repeated.
const SAID_MAX: usize = 300;
/// Largest document of an error that is read.
const ERROR_MAX: u64 = 64 << 10;

/// The whole body of an answer, each part of it in time.
pub(super) async fn whole(mut response: Response, max: u64, patience: Duration) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    loop {
        let chunk = timeout(patience, response.chunk()).await.map_err(|_| late())??;
        let Some(chunk) = chunk else { return Ok(body.freeze()) };
        body.extend_from_slice(&chunk);
        if body.len() as u64 > max {
            return Err(Failure::new(Kind::Other, format!("its answer has more than {max} bytes")));
        }
    }
}

/// Nothing came in time.
pub(super) fn late() -> Failure {
    Failure::new(Kind::Unavailable, "it did not answer in time")
}

/// The registry wants to be left alone for longer than is waited for.
pub(super) fn too_long(left: Duration) -> Failure {
    let left = Duration::from_secs(left.as_secs());
    let said = format!("it wants to be left alone for {}", format_duration(left));
    Failure { passes: false, ..Failure::new(Kind::Unavailable, said) }
}

/// An answer that is no success.
pub(super) async fn refused(response: Response, patience: Duration) -> Failure {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = whole(response, ERROR_MAX, patience).await.unwrap_or_default();
    failure(status, &headers, &body, SystemTime::now())
}

fn failure(status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Failure {
    let mut said = format!("it answered with HTTP status {status}");
    let text = told(body);
    if !text.is_empty() {
        said = format!("{said}: {text}");
    }
    let (kind, passes) = meaning(status.as_u16());
    let after = pace::wanted(headers, true, now).filter(|_| passes);
    let never = after.is_some_and(|after| after > WAIT_MAX);
    if let Some(after) = after.filter(|_| never) {
        said = format!("{said} ({})", too_long(after).said);
    }
    Failure { passes: passes && !never, after, ..Failure::answered(status.as_u16(), kind, said, None) }
}

/// What a status means, and whether it passes.
fn meaning(status: u16) -> (Kind, bool) {
    match status {
        401 => (Kind::Credentials, false),
        403 => (Kind::Denied, false),
        404 | 410 => (Kind::Missing, false),
        501 | 505 => (Kind::Other, false),
        408 | 429 | 500.. => (Kind::Unavailable, true),
        _ => (Kind::Other, false),
    }
}

/// The [error document](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes) of a registry.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The errors of the spec's document; of other documents a short text, and nothing of a page for browsers.
fn told(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Errors>(body) {
        Ok(Errors { errors }) => {
            let each = errors.iter().map(|Said { code, message }| match (code.as_str(), message.as_str()) {
                (code, "") => code.to_owned(),
                ("", message) => message.to_owned(),
                (code, message) => format!("{code}: {message}"),
            });
            each.collect::<Vec<_>>().join("; ")
        }
        Err(_) if body.trim_ascii_start().starts_with(b"<") => String::new(),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID_MAX).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn errors_are_repeated_in_one_line() {
        for (body, text) in [
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#,
                "MANIFEST_UNKNOWN: manifest unknown",
            ),
            (r#"{"errors":[{"code":"DENIED"},{"message":"no\u001b[31m"}]}"#, "DENIED; no [31m"),
            ("404 page\n not found\n", "404 page not found"),
            ("<html>no</html>", ""),
            ("", ""),
        ] {
            assert_eq!(told(body.as_bytes()), text);
        }
        assert_eq!(told(&[b'x'; 1000]).len(), SAID_MAX);
    }

    fn after(status: StatusCode, seconds: &str) -> Failure {
        let headers = [(RETRY_AFTER, seconds.parse().unwrap())].into_iter().collect();
        failure(status, &headers, b"", SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn who_wants_too_long_a_pause_is_not_asked_again() {
        let soon = after(StatusCode::TOO_MANY_REQUESTS, "9");
        assert!(soon.passes && soon.slow_down && soon.after == Some(Duration::from_secs(9)));
        let never = after(StatusCode::TOO_MANY_REQUESTS, "21600");
        assert!(
            !never.passes && never.said.ends_with("(it wants to be left alone for 6h)"),
            "{}",
            never.said
        );
        let other = after(StatusCode::NOT_FOUND, "9");
        assert!(other.kind == Kind::Missing && !other.passes && other.after.is_none());
    }
}
