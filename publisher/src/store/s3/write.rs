//! Small objects, under conditions.

use std::time::Duration;

use aws_sdk_s3::Config;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use bytes::Bytes;
use contract::key::Key;

use super::super::{Document, Headers, Kind, When, headers};
use super::S3;
use super::client::patient;
use super::errors::Failure;

/// How often a store may ask for a conditional write to be repeated, as S3 does while another one is under way.
const BUSY_TRIES: u32 = 8;

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
            When::Absent if self.look(key).await?.is_some() => {
                Err(Failure::new(Kind::Conflict, "there is an object"))
            }
            When::Unchanged(version) if probe.compares() => {
                Ok(Some(Condition::Match(probe.etag(&version.0))))
            }
            When::Always | When::Absent | When::Unchanged(_) => Ok(None),
        }
    }

    /// A PUT that is retried by the SDK.
    pub(super) async fn put(&self, path: &str, bytes: Bytes, headers: &Headers) -> Result<(), Failure> {
        let request = self.put_request(path, bytes, headers);
        request.customize().config_override(patient()).send().await?;
        Ok(())
    }

    fn put_request(&self, path: &str, bytes: Bytes, headers: &Headers) -> PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(&self.location.bucket)
            .key(path)
            .content_type(&headers.content_type)
            .cache_control(&headers.cache_control)
            .body(bytes.into())
    }

    /// One attempt of a conditional PUT; tells the new ETag.
    pub(super) async fn put_if(
        &self,
        path: &str,
        bytes: Bytes,
        headers: &Headers,
        condition: &Condition,
    ) -> Result<Option<String>, Failure> {
        let request = self.put_request(path, bytes, headers);
        let request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::Match(etag) => request.if_match(etag),
        };
        let once = Config::builder().retry_config(RetryConfig::disabled());
        Ok(request.customize().config_override(once).send().await?.e_tag)
    }

    /// Repeats a conditional PUT until it is known whether it was carried out. The SDK cannot: after a lost answer it
    /// meets its own object, and takes it for another's.
    async fn put_surely(
        &self,
        key: &Key,
        document: &Document,
        headers: &Headers,
        condition: &Condition,
    ) -> Result<(), Failure> {
        let path = self.path(key);
        let (mut attempts, mut busy, mut doubt) = (1, 0, false);
        loop {
            let failure = match self.put_if(&path, document.bytes.clone(), headers, condition).await {
                Ok(_) => return Ok(()),
                Err(failure) => failure,
            };
            if failure.leaves_doubt() && attempts < self.attempts {
                doubt = true;
                attempts += 1;
                pause(250 << attempts.min(5)).await;
            } else if failure.is_busy() && busy < BUSY_TRIES {
                busy += 1;
                pause(50 << busy.min(4)).await;
            } else if failure.kind == Kind::Conflict && doubt {
                let ours = self.get(key).await?.is_some_and(|found| found.bytes == document.bytes);
                return if ours { Ok(()) } else { Err(failure) };
            } else {
                return Err(failure);
            }
        }
    }
}

/// A random time, so that those who collided do not collide again.
async fn pause(most_millis: u64) {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(..most_millis))).await;
}
