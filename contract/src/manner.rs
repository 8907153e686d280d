//! In which manner objects are kept in S3: what a store is told beside an object's content, type and caching.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is said of every new object, and of who pays. What is left open is the bucket's own default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Manner {
    /// [Server-side encryption](https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html) with
    /// keys that the store keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// [A storage class](https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html), as the store
    /// names it: `INTELLIGENT_TIERING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<Word>,
    /// [A canned ACL](https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl):
    /// `public-read`, where a bucket has no policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<Word>,
    /// Requests and traffic are paid by
    /// [who asks](https://docs.aws.amazon.com/AmazonS3/latest/userguide/RequesterPaysBuckets.html).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester_pays: Option<bool>,
}

/// `AES256`, `aws:kms`, `aws:kms=KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encryption {
    /// As S3 names it.
    pub algorithm: Word,
    /// Which of the key service's keys; without one, the account's own for S3.
    pub key: Option<Word>,
}

/// A text that fits into a header: printable ASCII without spaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Word(String);

/// A text that fits no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of printable letters without spaces")]
pub struct WordError(String);

impl Manner {
    /// Whether nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is said here, and where nothing is, what is said there.
    #[must_use]
    pub fn over(&self, there: &Self) -> Self {
        Self {
            encryption: self.encryption.clone().or_else(|| there.encryption.clone()),
            storage_class: self.storage_class.clone().or_else(|| there.storage_class.clone()),
            acl: self.acl.clone().or_else(|| there.acl.clone()),
            requester_pays: self.requester_pays.or(there.requester_pays),
        }
    }
}

impl Word {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.algorithm.0)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, "={}", key.0))
    }
}

impl TryFrom<String> for Word {
    type Error = WordError;

    fn try_from(text: String) -> Result<Self, WordError> {
        text.parse()
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0
    }
}

impl TryFrom<String> for Encryption {
    type Error = WordError;

    fn try_from(text: String) -> Result<Self, WordError> {
        text.parse()
    }
}

impl From<Encryption> for String {
    fn from(encryption: Encryption) -> Self {
        encryption.to_string()
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
    }

    #[test]
    fn an_encryption_is_printed_as_it_is_read() {
        for text in ["AES256", "aws:kms", "aws:kms=arn:aws:kms:eu-1:1:key/2"] {
            assert_eq!(text.parse::<Encryption>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_said_here_wins() {
        let here = Manner { acl: "private".parse().ok(), requester_pays: Some(false), ..Manner::default() };
        let there = Manner {
            acl: "public-read".parse().ok(),
            requester_pays: Some(true),
            encryption: "AES256".parse().ok(),
            storage_class: None,
        };
        assert_eq!(here.over(&there), Manner { encryption: there.encryption.clone(), ..here.clone() });
        assert_eq!(Manner::default().over(&there), there);
    }
}
