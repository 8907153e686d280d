//! Content of any size: one PUT, or an upload in parts that is completed only after the last byte was verified.

use std::sync::Arc;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use contract::key::Key;

use super::super::{Headers, Kind, SendError, headers};
use super::client::patient;
use super::errors::Failure;
use super::{S3, locked};
use crate::content::{Content, ContentError, Verified};

/// [How many parts S3 takes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const PARTS_MAX: u64 = 10_000;

/// An upload in parts under way.
pub(super) struct Upload {
    pub(super) path: String,
    pub(super) id: String,
}

impl S3 {
    pub(super) async fn send_content(&self, key: &Key, content: &Content<'_>) -> Result<(), SendError> {
        let failed = |failure| self.failed(failure, format!("writing {key}"));
        let (path, headers) = (self.path(key), headers(key, None, self.changing_ttl));
        let mut verified = content.open().await?;
        if content.descriptor.size <= self.limits.part {
            let bytes = verified.whole().await?;
            return Ok(self.put(&path, bytes, &headers).await.map_err(failed)?);
        }
        let upload = self.begin(path, &headers).await.map_err(failed)?;
        let size = content.descriptor.size;
        let sent = match self.send_parts(&upload, &mut verified, part_size(size, self.limits.part)).await {
            Ok(parts) => self.complete(&upload, parts, key, size).await.map_err(Trouble::Store),
            Err(trouble) => Err(trouble),
        };
        let trouble = match sent {
            Ok(()) => return Ok(()),
            Err(trouble) => trouble,
        };
        // What it fails with matters less than why; `close` tries again.
        let _ = self.abort(&upload).await;
        Err(match trouble {
            Trouble::Content(error) => error.into(),
            Trouble::Store(failure) => failed(failure).into(),
        })
    }

    /// Sends one part while the next one is read. At most two are in memory.
    async fn send_parts(
        &self,
        upload: &Upload,
        verified: &mut Verified<'_>,
        part_size: usize,
    ) -> Result<Vec<CompletedPart>, Trouble> {
        let mut rest = Bytes::new();
        let mut parts = Vec::new();
        let mut part = next_part(verified, &mut rest, part_size).await?;
        while let Some(bytes) = part {
            let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
            let sending = async { Ok(self.send_part(upload, number, bytes).await?) };
            let reading = async { Ok::<_, Trouble>(next_part(verified, &mut rest, part_size).await?) };
            let (sent, next) = futures_util::future::try_join(sending, reading).await?;
            parts.push(sent);
            part = next;
        }
        Ok(parts)
    }

    async fn send_part(&self, upload: &Upload, number: i32, bytes: Bytes) -> Result<CompletedPart, Failure> {
        let request = self.client.upload_part().bucket(&self.location.bucket).key(&upload.path);
        let request = request.upload_id(&upload.id).part_number(number).body(bytes.into());
        let sent = request.customize().config_override(patient()).send().await?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }

    pub(super) async fn begin(&self, path: String, headers: &Headers) -> Result<Upload, Failure> {
        let request = self.client.create_multipart_upload().bucket(&self.location.bucket).key(&path);
        let request = request.content_type(&headers.content_type).cache_control(&headers.cache_control);
        let (path_of_it, uploads) = (path.clone(), Arc::clone(&self.uploads));
        let beginning = Arc::clone(&self.beginning).read_owned().await;
        // A task of its own: dropped in the middle, nobody would know the id of what the store has begun.
        let begun = tokio::spawn(async move {
            let _beginning = beginning;
            let begun = request.send().await.map_err(Failure::from)?;
            let id = begun.upload_id.ok_or_else(|| Failure::new(Kind::Other, "it gave an upload no id"))?;
            locked(&uploads).insert(id.clone(), path_of_it);
            Ok::<_, Failure>(id)
        });
        let id = begun.await.map_err(|error| Failure::new(Kind::Other, error.to_string()))??;
        Ok(Upload { path, id })
    }

    pub(super) async fn complete(
        &self,
        upload: &Upload,
        parts: Vec<CompletedPart>,
        key: &Key,
        size: u64,
    ) -> Result<(), Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.location.bucket).key(&upload.path);
        let request = request.upload_id(&upload.id).multipart_upload(parts);
        match request.customize().config_override(patient()).send().await.map_err(Failure::from) {
            Ok(_) => {}
            // Completed by an attempt whose answer was lost.
            Err(failure) if failure.is_no_upload() => match self.look(key).await? {
                Some(found) if found.size == size => {}
                Some(_) | None => return Err(failure),
            },
            Err(failure) => return Err(failure),
        }
        self.uploads().remove(&upload.id);
        Ok(())
    }

    pub(super) async fn abort(&self, upload: &Upload) -> Result<(), Failure> {
        let request = self.client.abort_multipart_upload().bucket(&self.location.bucket).key(&upload.path);
        match request.upload_id(&upload.id).send().await.map_err(Failure::from) {
            Err(failure) if !failure.is_no_upload() => Err(failure),
            Ok(_) | Err(_) => {
                self.uploads().remove(&upload.id);
                Ok(())
            }
        }
    }

    /// Ends all uploads that this run began and did not end: those whose future was dropped.
    pub(super) async fn abort_all(&self) -> Result<(), Failure> {
        let _all_begun = self.beginning.write().await;
        let open = self.uploads().clone();
        let mut first = Ok(());
        for (id, path) in open {
            let aborted = self.abort(&Upload { path, id }).await;
            first = first.and(aborted);
        }
        first
    }
}

/// Which side failed.
enum Trouble {
    Content(ContentError),
    Store(Failure),
}

impl From<ContentError> for Trouble {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

/// The size of a part: as small as allowed, but so that no more than [`PARTS_MAX`] are needed.
fn part_size(size: u64, least: u64) -> usize {
    usize::try_from(size.div_ceil(PARTS_MAX).max(least)).unwrap_or(usize::MAX)
}

/// Exactly `part_size` bytes, fewer at the end, then `None`. `rest` is what was read and belongs to the next part.
async fn next_part(
    verified: &mut Verified<'_>,
    rest: &mut Bytes,
    part_size: usize,
) -> Result<Option<Bytes>, ContentError> {
    let mut part = Vec::with_capacity(part_size);
    loop {
        let taken = rest.split_to(rest.len().min(part_size - part.len()));
        part.extend_from_slice(&taken);
        if part.len() == part_size {
            return Ok(Some(part.into()));
        }
        match verified.next().await? {
            Some(chunk) => *rest = chunk,
            None if part.is_empty() => return Ok(None),
            None => return Ok(Some(part.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_many_as_allowed_at_most() {
        const MIB: u64 = 1 << 20;
        for size in [9 * MIB, 78_125 * MIB, 78_125 * MIB + 1, 5 * MIB * MIB] {
            let part = part_size(size, 8 * MIB) as u64;
            assert!(part >= 8 * MIB && size.div_ceil(part) <= PARTS_MAX, "{size} in parts of {part}");
        }
        assert_eq!(part_size(78_125 * MIB, 8 * MIB) as u64, 8 * MIB);
    }
}
