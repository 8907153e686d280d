//! Small objects, under conditions.

use bytes::Bytes;
use contract::key::Key;

use super::super::failure::Failure;
use super::super::{Document, Headers, Kind, When, headers};
use super::client::within;
use super::{S3, manner};

/// A condition as S3 takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`, as the store wants it.
    Match(String),
}

impl S3 {
    pub(super) async fn put_when(&self, key: &Key, document: &Document, when: When) -> Result<(), Failure> {
        let headers = headers(key, document.media_type.as_ref(), self.changing_ttl);
        match self.condition(key, when).await? {
            Some(condition) => self.put_surely(key, document, &headers, &condition).await,
            None => self.put(&self.path(key), document.bytes.clone(), &headers).await,
        }
    }

    /// Where the store does not compare, [`When::Absent`] looks first, and [`When::Unchanged`] means always: callers
    /// that care ask [`Store::compares`](super::Store::compares).
    async fn condition(&self, key: &Key, when: When) -> Result<Option<Condition>, Failure> {
        if when == When::Always {
            return Ok(None);
        }
        let probe = self.probe().await?;
        match when {
            When::Absent if probe.create_only => Ok(Some(Condition::Absent)),
            When::Absent if self.head(key).await?.is_some() => {
                Err(Failure::new(Kind::Conflict, "there is an object"))
            }
            When::Unchanged(version) if probe.compares() => {
                Ok(Some(Condition::Match(probe.etag(&version.0))))
            }
            When::Always | When::Absent | When::Unchanged(_) => Ok(None),
        }
    }

    /// A PUT over whatever is there.
    pub(super) async fn put(&self, path: &str, bytes: Bytes, headers: &Headers) -> Result<(), Failure> {
        let put = || self.put_if(path, bytes.clone(), headers, None);
        self.requests.answer(put).await.map(|_| ())
    }

    /// One attempt of a PUT, under a condition or not; tells the new ETag.
    pub(super) async fn put_if(
        &self,
        path: &str,
        bytes: Bytes,
        headers: &Headers,
        condition: Option<&Condition>,
    ) -> Result<Option<String>, Failure> {
        let patient = within(self.requests.patience.carrying(bytes.len() as u64));
        let request = self.client.put_object().bucket(&self.location.bucket).key(path).body(bytes.into());
        let request = request.content_type(&headers.content_type).cache_control(&headers.cache_control);
        let request = match condition {
            None => request,
            Some(Condition::Absent) => request.if_none_match("*"),
            Some(Condition::Match(etag)) => request.if_match(etag),
        };
        let request =
            request.customize().mutate_request(manner::of_new(&self.manner)).config_override(patient);
        Ok(request.send().await?.e_tag)
    }

    /// Repeats a conditional PUT until it is known whether it was carried out: after a lost answer it may meet its own
    /// object, which is not another's.
    async fn put_surely(
        &self,
        key: &Key,
        document: &Document,
        headers: &Headers,
        condition: &Condition,
    ) -> Result<(), Failure> {
        let path = self.path(key);
        let put = || self.put_if(&path, document.bytes.clone(), headers, Some(condition));
        match self.requests.answer(put).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == Kind::Conflict && failure.doubt => {
                let ours = self.get(key).await?.is_some_and(|found| found.bytes == document.bytes);
                if ours { Ok(()) } else { Err(failure) }
            }
            // What was read has been deleted since
            // ([conditional writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html)).
            Err(failure) if failure.kind == Kind::Missing && matches!(condition, Condition::Match(_)) => {
                Err(Failure { kind: Kind::Conflict, ..failure })
            }
            Err(failure) => Err(failure),
        }
    }
}
