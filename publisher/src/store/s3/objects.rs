//! Looking, reading, deleting, listing.

use std::collections::BTreeSet;
use std::io;
use std::time::SystemTime;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use contract::key::Key;
use futures_util::stream::{self, StreamExt, TryStream};

use super::super::below;
use super::super::failure::Failure;
use super::super::{DOCUMENT_MAX, Found, Kind, Listed, Sent, Version};
use super::S3;
use crate::content::Chunks;

/// What HEAD tells of an object.
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    pub(super) sent: Sent,
}

impl S3 {
    /// `None` where there is no object. HEAD cannot tell whether there is a bucket.
    pub(super) async fn head(&self, key: &Key) -> Result<Option<Head>, Failure> {
        let ask = || async {
            let request = self.client.head_object().bucket(&self.location.bucket).key(self.path(key));
            Ok::<_, Failure>(request.send().await?)
        };
        let head = match self.requests.answer(ask).await {
            Ok(head) => head,
            Err(failure) if failure.kind == Kind::Missing => return Ok(None),
            Err(failure) => return Err(reading_denied(failure)),
        };
        let size = head.content_length().and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or_else(|| Failure::new(Kind::Other, "it told no size"))?;
        let HeadObjectOutput {
            content_type,
            cache_control,
            content_encoding,
            e_tag: etag,
            last_modified,
            ..
        } = head;
        let modified = last_modified.and_then(|time| SystemTime::try_from(time).ok());
        let modified = modified.ok_or_else(|| Failure::new(Kind::Other, "it told no time of change"))?;
        let sent = Sent { content_type, cache_control, content_encoding, etag };
        Ok(Some(Head { size, modified, sent }))
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Found>, Failure> {
        let ask = || async {
            let request = self.client.get_object().bucket(&self.location.bucket).key(self.path(key));
            let object = request.send().await?;
            let modified = object.last_modified.and_then(|time| SystemTime::try_from(time).ok());
            let bytes = collect(object.body).await?;
            let sent = Sent {
                content_type: object.content_type,
                cache_control: object.cache_control,
                content_encoding: object.content_encoding,
                etag: object.e_tag,
            };
            let version = sent.etag.clone().map_or_else(|| Version::of(&bytes), Version);
            Ok(Found { bytes, version, modified, headers: Some(sent) })
        };
        match self.requests.answer(ask).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.kind == Kind::Missing => Ok(None),
            Err(failure) => Err(reading_denied(failure)),
        }
    }

    pub(super) async fn get_from(&self, key: &Key, from: u64) -> Result<Option<Chunks>, Failure> {
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let ask = || async {
            let request = self.client.get_object().bucket(&self.location.bucket).key(self.path(key));
            Ok::<_, Failure>(request.set_range(range.clone()).send().await?)
        };
        let body = match self.requests.answer(ask).await {
            Ok(object) => object.body,
            Err(failure) if failure.kind == Kind::Missing => return Ok(None),
            Err(failure) => return Err(reading_denied(failure)),
        };
        let read = |mut body: ByteStream| async {
            Ok::<_, io::Error>(body.next().await.transpose()?.map(|chunk| (chunk, body)))
        };
        Ok(Some(stream::try_unfold(body, read).boxed()))
    }

    pub(super) async fn delete_path(&self, path: &str) -> Result<(), Failure> {
        match self.requests.answer(|| self.delete_once(path)).await {
            Err(failure) if failure.kind != Kind::Missing => Err(failure),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// One attempt.
    pub(super) async fn delete_once(&self, path: &str) -> Result<(), Failure> {
        let request = self.client.delete_object().bucket(&self.location.bucket).key(path);
        Ok(request.send().await.map(|_| ())?)
    }

    pub(super) async fn list_below(&self, prefix: &str) -> Result<Vec<Key>, Failure> {
        let (mut keys, mut token) = (Vec::new(), None);
        loop {
            let page = self.page(prefix, None, token).await?;
            token = next(&page)?;
            let paths = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
            keys.extend(paths.filter_map(|path| self.location.key(&path)));
            if token.is_none() {
                return Ok(keys);
            }
        }
    }

    /// The objects below a prefix with sizes and times. One without a time is none that can be told to be old.
    pub(super) fn pages_below(
        &self,
        prefix: String,
    ) -> impl TryStream<Ok = Vec<Listed>, Error = Failure, Item = Result<Vec<Listed>, Failure>> + Send + '_
    {
        stream::try_unfold(Some((prefix, None)), move |at| async move {
            let Some((prefix, token)) = at else { return Ok(None) };
            let page = self.page(&prefix, None, token).await?;
            let token = next(&page)?;
            let listed = page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let key = self.location.key(object.key.as_deref()?)?;
                let modified = SystemTime::try_from(object.last_modified?).ok()?;
                Some(Listed { key, size: u64::try_from(object.size?).ok()?, modified })
            });
            let listed = listed.collect();
            Ok(Some((listed, token.map(|token| (prefix, Some(token))))))
        })
    }

    /// The folders directly below another one: what
    /// [a delimiter](https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html) makes of their paths.
    pub(super) async fn folders_below(&self, prefix: &str) -> Result<BTreeSet<String>, Failure> {
        let (mut folders, mut token) = (BTreeSet::new(), None);
        loop {
            let page = self.page(prefix, Some("/"), token).await?;
            token = next(&page)?;
            let paths =
                page.common_prefixes.unwrap_or_default().into_iter().filter_map(|common| common.prefix);
            folders.extend(paths.filter_map(|path| below::first(prefix, &path)));
            if token.is_none() {
                return Ok(folders);
            }
        }
    }

    async fn page(
        &self,
        prefix: &str,
        delimiter: Option<&str>,
        token: Option<String>,
    ) -> Result<ListObjectsV2Output, Failure> {
        let ask = || async {
            let request = self.client.list_objects_v2().bucket(&self.location.bucket).prefix(prefix);
            let request = request.set_delimiter(delimiter.map(str::to_owned));
            Ok::<_, Failure>(request.set_continuation_token(token.clone()).send().await?)
        };
        self.requests.answer(ask).await
    }

    /// What the store's clock shows, by its last answer; where there was none, one is asked for.
    pub(super) async fn told_time(&self) -> Result<SystemTime, Failure> {
        if self.clock.now().is_none() {
            self.head(&Key::Settings).await?;
        }
        self.clock.now().ok_or_else(|| Failure::new(Kind::Other, "its answers have no Date"))
    }
}

/// Where the next page begins; `None` behind the last one. A part taken for the whole would be no less than a word that
/// the rest is not there, and whoever collects or relists acts on it.
fn next(page: &ListObjectsV2Output) -> Result<Option<String>, Failure> {
    match (page.is_truncated(), page.next_continuation_token()) {
        (Some(true), None | Some("")) => {
            Err(Failure::new(Kind::Other, "its list goes on, and it does not tell where"))
        }
        (Some(true), Some(token)) => Ok(Some(token.to_owned())),
        (Some(false) | None, _) => Ok(None),
    }
}

async fn collect(mut body: ByteStream) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| Failure::new(Kind::Unavailable, error.to_string()))?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > DOCUMENT_MAX {
            return Err(Failure::new(Kind::Other, format!("a document has at most {DOCUMENT_MAX} bytes")));
        }
    }
    Ok(bytes.freeze())
}

/// S3 answers 403 for what is not there, too, to who may not list the bucket.
fn reading_denied(failure: Failure) -> Failure {
    if failure.kind != Kind::Denied {
        return failure;
    }
    let said = format!("{} (to who lacks s3:ListBucket, also where no object is)", failure.said);
    Failure { said, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_list_is_not_the_whole() {
        let page = |more: Option<bool>, token: Option<&str>| {
            let page = ListObjectsV2Output::builder().set_is_truncated(more);
            next(&page.set_next_continuation_token(token.map(str::to_owned)).build()).ok()
        };
        for (more, token, expected) in [
            (None, None, Some(None)),
            (Some(false), Some("t"), Some(None)),
            (Some(true), Some("t"), Some(Some("t".to_owned()))),
            (Some(true), None, None),
            (Some(true), Some(""), None),
        ] {
            assert_eq!(page(more, token), expected, "{more:?} {token:?}");
        }
    }
}
