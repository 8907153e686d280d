//! Answers of stores that fail, in their own words.

use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::Fault;
use super::store::Document;

/// How the store speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    S3,
    Swift,
    /// Of the distribution spec, which has 429 for who asks too often.
    Registry,
}

impl Dialect {
    /// The answer 500, or for [`Fault::SlowDown`] 503 or 429.
    pub(super) fn refuses(self, fault: Fault) -> Response<Document> {
        let slow = fault == Fault::SlowDown;
        let (status, code, text) = if slow && self == Self::Registry {
            (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many requests")
        } else if slow {
            (StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "We encountered an internal error.")
        };
        let answer = Response::builder().status(status);
        let (answer, body) = match self {
            // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
            Self::S3 => (
                answer.header(CONTENT_TYPE, "application/xml"),
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{text}</Message></Error>"
                ),
            ),
            Self::Registry => {
                let answer = if slow { answer.header(RETRY_AFTER, 1) } else { answer };
                (answer, format!(r#"{{"errors":[{{"code":"{code}","message":"{text}"}}]}}"#))
            }
            Self::Swift if slow => (answer.header(RETRY_AFTER, 1), text.to_owned()),
            Self::Swift => (answer, format!("<html><h1>{code}</h1><p>{text}</p></html>")),
        };
        answer.body(Document::from(body)).unwrap()
    }
}
