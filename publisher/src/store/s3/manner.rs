//! In which manner objects are kept: what S3 is told beside an object's content, type and caching.

use std::str::FromStr;

use aws_sdk_s3::config::http::HttpRequest;

/// What is said of every new object, and of who pays. What is left open is the bucket's own default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manner {
    /// [Server-side encryption](https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html) with
    /// keys that the store keeps.
    pub encryption: Option<Encryption>,
    /// [A storage class](https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html), as the store
    /// names it: `INTELLIGENT_TIERING`.
    pub storage_class: Option<Word>,
    /// [A canned ACL](https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl):
    /// `public-read`, where a bucket has no policy.
    pub acl: Option<Word>,
    /// Requests and traffic are paid by [who asks](https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html).
    pub requester_pays: bool,
}

/// `AES256`, `aws:kms`, `aws:kms=KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// As S3 names it.
    pub algorithm: Word,
    /// Which of the key service's keys; without one, the account's own for S3.
    pub key: Option<Word>,
}

/// A text that fits into a header: printable ASCII without spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(String);

/// A text that fits no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of printable letters without spaces")]
pub struct WordError(String);

impl FromStr for Word {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WordError(text.escape_default().to_string()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Encryption {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let (algorithm, key) = match text.split_once('=') {
            Some((algorithm, key)) => (algorithm, Some(key.parse()?)),
            None => (text, None),
        };
        Ok(Self { algorithm: algorithm.parse()?, key })
    }
}

impl Manner {
    /// Adds the headers of a request that makes an object.
    pub(super) fn of_new(&self) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static + use<> {
        let mut headers = Vec::new();
        if let Some(Encryption { algorithm, key }) = self.encryption.clone() {
            headers.push(("x-amz-server-side-encryption", algorithm.0));
            headers.extend(key.map(|key| ("x-amz-server-side-encryption-aws-kms-key-id", key.0)));
        }
        headers.extend(self.storage_class.clone().map(|class| ("x-amz-storage-class", class.0)));
        headers.extend(self.acl.clone().map(|acl| ("x-amz-acl", acl.0)));
        move |request| {
            for (name, value) in &headers {
                request.headers_mut().insert(*name, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_no_header_is_refused() {
        for text in ["", "a b", "a\nb", "ü", "=key", "aws:kms="] {
            assert!(text.parse::<Encryption>().is_err(), "{text}");
        }
        let encryption: Encryption = "aws:kms=arn:aws:kms:eu-1:1:key/2".parse().unwrap();
        assert_eq!(encryption.key, "arn:aws:kms:eu-1:1:key/2".parse().ok());
    }
}
