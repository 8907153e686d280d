//! What an S3 store or the way to it says, by meaning, in words that people read.

use std::error::Error;
use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::super::Kind;

/// What was said, as the source of a store's error. Holds no request, so no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Said(pub(super) String);

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// HTTP's, 0 where there was no answer.
    pub(super) status: u16,
    /// [S3's error code](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList), empty
    /// where there is none.
    pub(super) code: String,
    pub(super) said: String,
}

impl Failure {
    pub(super) fn new(kind: Kind, said: impl Into<String>) -> Self {
        Self { kind, status: 0, code: String::new(), said: said.into() }
    }

    /// Whether nobody knows if the request was carried out.
    pub(super) fn leaves_doubt(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// Whether the store asks for a repetition, since another write is under way:
    /// [conditional writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
    pub(super) fn is_busy(&self) -> bool {
        self.status == 409
    }

    /// Whether the store does not know this kind of request.
    pub(super) fn is_not_understood(&self) -> bool {
        matches!(self.status, 400 | 405 | 501) && self.kind == Kind::Other
    }

    /// Whether an upload in parts is over, by whomever's hand.
    pub(super) fn is_no_upload(&self) -> bool {
        self.code == "NoSuchUpload"
    }

    fn answered(status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        let code = code.unwrap_or_default();
        let said = match (code, message) {
            // HEAD has no body: the status is all that is known.
            ("", _) | (_, None) => {
                format!("it answered with HTTP status {status} {code}").trim_end().to_owned()
            }
            (code, Some(message)) => format!("it answered {code}: {}", message.trim()),
        };
        Self { kind: kind(status, code), status, code: code.to_owned(), said }
    }
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
        "RequestTimeout" | "SlowDown" => return Kind::Unavailable,
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
                let (status, said) = (answer.raw().status().as_u16(), answer.err());
                Self::answered(status, said.code(), said.message())
            }
            SdkError::ResponseError(answer) if !answer.raw().status().is_success() => {
                Self::answered(answer.raw().status().as_u16(), None, None)
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
        return "no credentials were found in the environment, the AWS profile, nor at a service of this machine"
            .to_owned();
    }
    // Each layer of providers says it again.
    let mut said: Vec<_> = chain(error).map(ToString::to_string).collect();
    said.dedup();
    said.join(": ")
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_is_said_is_readable() {
        for (failure, said) in [
            (Failure::answered(403, Some("AccessDenied"), Some("No.\n")), "it answered AccessDenied: No."),
            (Failure::answered(403, None, None), "it answered with HTTP status 403"),
            (Failure::answered(404, Some("NotFound"), None), "it answered with HTTP status 404 NotFound"),
        ] {
            assert_eq!(failure.said, said);
        }
    }
}
