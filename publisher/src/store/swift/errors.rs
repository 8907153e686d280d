//! What a Swift cluster or the way to it says, by meaning, in words that people read.

use std::error::Error;
use std::iter;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::super::Kind;
use super::super::failure::Failure;

/// How much of an error's document is repeated.
const SAID_MAX: usize = 300;

/// An answer that is no success.
pub(super) fn answered(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut said = format!("it answered with HTTP status {status}");
    let text = plain(&String::from_utf8_lossy(body));
    if !text.is_empty() {
        said = format!("{said}: {text}");
    }
    // What the cluster's people find the request by in their logs.
    if let Some(transaction) = header("x-trans-id") {
        said = format!("{said} (transaction {transaction})");
    }
    let (kind, passes) = meaning(status.as_u16());
    Failure { passes, ..Failure::answered(status.as_u16(), kind, said, header(RETRY_AFTER.as_str())) }
}

/// What a status means, and whether it passes.
fn meaning(status: u16) -> (Kind, bool) {
    match status {
        401 => (Kind::Credentials, false),
        403 => (Kind::Denied, false),
        // 409 is what a large object answers whose segments are not all there.
        404 | 409 | 410 => (Kind::Missing, false),
        412 => (Kind::Conflict, false),
        // A quota's answer is 413, as that of the limit on one object; a device's is 507.
        413 | 507 => (Kind::Full, false),
        // What arrived has another MD5 than the `ETag` that was sent.
        422 => (Kind::Other, true),
        501 => (Kind::Other, false),
        // 498 is Swift's own for too many requests, 499 for a body that ended early.
        408 | 429 | 498 | 499 | 500.. => (Kind::Unavailable, true),
        _ => (Kind::Other, false),
    }
}

/// Swift answers in small HTML documents: their text, in one line.
fn plain(document: &str) -> String {
    let mut inside = false;
    let text: String = document
        .chars()
        .filter_map(|c| match c {
            '<' => {
                inside = true;
                Some(' ')
            }
            '>' if inside => {
                inside = false;
                None
            }
            _ if inside => None,
            c if c.is_control() => Some(' '),
            c => Some(c),
        })
        .collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(SAID_MAX).collect()
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        let kind = if error.is_builder() { Kind::Other } else { Kind::Unavailable };
        let timed_out = error.is_timeout();
        let error = error.without_url();
        let innermost = iter::successors(Some(&error as &dyn Error), |&error| error.source()).last();
        let said = match innermost {
            _ if timed_out => "it did not answer in time".to_owned(),
            Some(innermost) => innermost.to_string(),
            None => error.to_string(),
        };
        Self::new(kind, said)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn documents_are_repeated_as_text() {
        for (document, text) in [
            (
                "<html><h1>Forbidden</h1><p>Access was denied to this resource.</p></html>",
                "Forbidden Access was denied to this resource.",
            ),
            ("Upload exceeds quota.", "Upload exceeds quota."),
            ("{\"error\":\n  {\"code\": 401}}", "{\"error\": {\"code\": 401}}"),
            ("", ""),
        ] {
            assert_eq!(plain(document), text);
        }
    }

    #[test]
    fn answers_have_the_meaning_that_swift_gives_them() {
        for (status, kind, passes) in [
            (401, Kind::Credentials, false),
            (403, Kind::Denied, false),
            (404, Kind::Missing, false),
            (409, Kind::Missing, false),
            (412, Kind::Conflict, false),
            (413, Kind::Full, false),
            (507, Kind::Full, false),
            (422, Kind::Other, true),
            (400, Kind::Other, false),
            (302, Kind::Other, false),
            (501, Kind::Other, false),
            (408, Kind::Unavailable, true),
            (429, Kind::Unavailable, true),
            (498, Kind::Unavailable, true),
            (500, Kind::Unavailable, true),
            (503, Kind::Unavailable, true),
        ] {
            assert_eq!(meaning(status), (kind, passes), "{status}");
        }
    }

    #[test]
    fn a_failure_says_what_was_answered_and_how_long_to_wait() {
        let mut headers = HeaderMap::new();
        headers.insert("x-trans-id", "tx1".parse().unwrap());
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        let failure = answered(StatusCode::SERVICE_UNAVAILABLE, &headers, b"<p>No.</p>");
        assert_eq!(
            failure.said,
            "it answered with HTTP status 503 Service Unavailable: No. (transaction tx1)"
        );
        assert_eq!(failure.after, Some(Duration::from_secs(7)));
    }
}
