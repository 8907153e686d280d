//! What an S3 store or the way to it says, by meaning, in words that people read.

use std::error::Error;
use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::super::Kind;
use super::super::failure::Failure;

impl Failure {
    /// Whether the store does not know this kind of request.
    pub(super) fn is_not_understood(&self) -> bool {
        matches!(self.status, 400 | 405 | 501) && self.kind == Kind::Other
    }

    /// Whether an upload in parts is over, by whomever's hand.
    pub(super) fn is_no_upload(&self) -> bool {
        self.code == "NoSuchUpload"
    }
}

/// An answer that is no success; `code` is
/// [S3's own](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList).
fn answered(answer: &HttpResponse, code: Option<&str>, message: Option<&str>) -> Failure {
    let (status, code) = (answer.status().as_u16(), code.unwrap_or_default());
    let said = match (code, message) {
        // HEAD has no body: the status is all that is known.
        ("", _) | (_, None) => format!("it answered with HTTP status {status} {code}").trim_end().to_owned(),
        (code, Some(message)) => format!("it answered {code}: {}", message.trim()),
    };
    let failure = Failure::answered(status, kind(status, code), said, answer.headers().get("retry-after"));
    Failure {
        passes: failure.passes || is_busy(status, code),
        slow_down: failure.slow_down || is_slow_down(code),
        code: code.to_owned(),
        ..failure
    }
}

/// Whether the store asks for a repetition, since another write is under way:
/// [conditional writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
fn is_busy(status: u16, code: &str) -> bool {
    status == 409 && matches!(code, "" | "ConditionalRequestConflict" | "OperationAborted")
}

fn is_slow_down(code: &str) -> bool {
    matches!(code, "SlowDown" | "SlowDownRead" | "SlowDownWrite" | "TooManyRequests" | "RequestLimitExceeded")
}

fn kind(status: u16, code: &str) -> Kind {
    match code {
        "NoSuchBucket" => return Kind::NoStore,
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "InvalidClientTokenId"
        | "TokenRefreshRequired"
        | "UnrecognizedClientException"
        | "MissingSecurityHeader"
        | "RequestTimeTooSkewed" => {
            return Kind::Credentials;
        }
        "QuotaExceeded"
        | "StorageFull"
        | "XMinioStorageFull"
        | "XAmzContentQuotaExceeded"
        | "InsufficientCapacity" => {
            return Kind::Full;
        }
        // The store waited for a body in vain: it is a timeout, told with status 400.
        "RequestTimeout" => return Kind::Unavailable,
        code if is_slow_down(code) => return Kind::Unavailable,
        _ => {}
    }
    match status {
        401 => Kind::Credentials,
        403 => Kind::Denied,
        404 => Kind::Missing,
        409 | 412 => Kind::Conflict,
        507 => Kind::Full,
        // It does not know how; asking again does not help.
        501 => Kind::Other,
        429 | 500.. => Kind::Unavailable,
        _ => Kind::Other,
    }
}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E, HttpResponse>> for Failure {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        if let Some(credentials) = chain(&error).find_map(|error| error.downcast_ref::<CredentialsError>()) {
            return Self::new(Kind::Credentials, no_credentials(credentials));
        }
        let innermost = || chain(&error).last().map_or_else(String::new, ToString::to_string);
        match &error {
            SdkError::ServiceError(answer) => {
                let said = answer.err();
                answered(answer.raw(), said.code(), said.message())
            }
            SdkError::ResponseError(answer) if !answer.raw().status().is_success() => {
                answered(answer.raw(), None, None)
            }
            SdkError::ResponseError(_) => {
                Self::new(Kind::Unavailable, format!("its answer cannot be read: {}", innermost()))
            }
            SdkError::DispatchFailure(failure) if failure.is_user() => Self::new(Kind::Other, innermost()),
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => {
                Self::new(Kind::Unavailable, innermost())
            }
            _ => Self::new(Kind::Other, innermost()),
        }
    }
}

/// An error and all that caused it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

fn no_credentials(error: &CredentialsError) -> String {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return "no credentials were found, neither in the environment, nor in the AWS profile, nor at a service of this machine"
            .to_owned();
    }
    // Each layer of providers says it again.
    let mut said: Vec<_> = chain(error).map(ToString::to_string).collect();
    said.dedup();
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    #[test]
    fn answers_have_the_meaning_that_s3_gives_them() {
        for (status, code, expected) in [
            (404, "NoSuchBucket", Kind::NoStore),
            (404, "NoSuchKey", Kind::Missing),
            (404, "", Kind::Missing),
            (403, "AccessDenied", Kind::Denied),
            (403, "", Kind::Denied),
            (403, "SignatureDoesNotMatch", Kind::Credentials),
            (400, "ExpiredToken", Kind::Credentials),
            (412, "PreconditionFailed", Kind::Conflict),
            (409, "ConditionalRequestConflict", Kind::Conflict),
            (507, "", Kind::Full),
            (403, "QuotaExceeded", Kind::Full),
            (503, "SlowDown", Kind::Unavailable),
            (400, "RequestTimeout", Kind::Unavailable),
            (500, "InternalError", Kind::Unavailable),
            (501, "NotImplemented", Kind::Other),
            (400, "InvalidArgument", Kind::Other),
            (301, "PermanentRedirect", Kind::Other),
        ] {
            assert_eq!(kind(status, code), expected, "{status} {code}");
        }
    }

    fn answer(status: u16, after: Option<&'static str>) -> HttpResponse {
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        if let Some(after) = after {
            answer.headers_mut().insert("retry-after", after);
        }
        answer
    }

    #[test]
    fn what_is_said_is_readable() {
        for (status, code, message, said) in [
            (403, Some("AccessDenied"), Some("No.\n"), "it answered AccessDenied: No."),
            (403, None, None, "it answered with HTTP status 403"),
            (404, Some("NotFound"), None, "it answered with HTTP status 404 NotFound"),
        ] {
            assert_eq!(answered(&answer(status, None), code, message).said, said);
        }
    }

    #[test]
    fn what_passes_is_sent_again_and_what_does_not_is_not() {
        for (status, code, passes, slow_down) in [
            (500, "InternalError", true, false),
            (502, "", true, false),
            (503, "SlowDown", true, true),
            (503, "", true, true),
            (429, "", true, true),
            (409, "ConditionalRequestConflict", true, false),
            (409, "", true, false),
            (400, "RequestTimeout", true, false),
            (409, "BucketAlreadyOwnedByYou", false, false),
            (400, "InvalidArgument", false, false),
            (403, "AccessDenied", false, false),
            (412, "PreconditionFailed", false, false),
            (404, "NoSuchKey", false, false),
            (501, "NotImplemented", false, false),
        ] {
            let failure = answered(&answer(status, None), Some(code), None);
            assert_eq!((failure.passes, failure.slow_down), (passes, slow_down), "{status} {code}");
        }
        let failure = answered(&answer(503, Some("7")), Some("SlowDown"), None);
        assert_eq!(failure.after, Some(Duration::from_secs(7)));
    }
}
