//! Content of any size: one PUT, or an upload in parts that is completed only after the last byte was verified.

use std::pin::pin;

use aws_sdk_s3::types::CompletedPart;
use bytes::Bytes;
use contract::key::Key;
use futures_util::stream::{FuturesUnordered, StreamExt, TryStreamExt};

use super::super::failure::{Failure, Trouble};
use super::super::headers;
use super::super::passed::Passed;
use super::S3;
use super::client::within;
use super::rooms::Room;
use super::uploads::Upload;
use crate::content::{Content, ContentError, Verified};

/// [How many parts S3 takes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const PARTS_MAX: u64 = 10_000;
/// How many parts of one upload are under way.
pub(super) const PARTS_AT_ONCE: usize = 4;
/// How often an upload is begun that somebody else ends.
const BEGINNINGS: u32 = 3;

impl S3 {
    pub(super) async fn send_content(&self, key: &Key, content: &Content<'_>) -> Result<(), Trouble> {
        let passed = Passed::new(content.passed);
        let pass = |bytes| passed.pass(bytes);
        let content = Content { passed: &pass, ..*content };
        for begun in 1.. {
            passed.begin();
            match self.send_verified(key, &content).await {
                // By a lifecycle rule, or by a publisher that took it for a dead one's.
                Err(Trouble::Store(failure)) if failure.is_no_upload() && begun < BEGINNINGS => {
                    tracing::info!(said = failure.said, %key, "the upload was ended by somebody else");
                }
                sent => return sent,
            }
        }
        Ok(())
    }

    async fn send_verified(&self, key: &Key, content: &Content<'_>) -> Result<(), Trouble> {
        let (path, headers) = (self.path(key), headers(key, None, self.changing_ttl));
        let size = content.descriptor.size;
        let mut parts = Parts {
            verified: content.open().await?,
            rest: Bytes::new(),
            size: part_size(size, self.limits.part),
        };
        if size <= self.limits.part {
            let bytes = self.next(&mut parts).await?.unwrap_or_default();
            return Ok(self.put(&path, bytes, &headers).await?);
        }
        let upload = self.begin(path, &headers).await?;
        let sent = match self.send_parts(&upload, parts).await {
            Ok(parts) => self.complete(&upload, parts, key, size).await.map_err(Trouble::Store),
            Err(trouble) => Err(trouble),
        };
        if sent.is_err() {
            // What it fails with matters less than why; `close` tries again.
            let _ = self.abort(&upload).await;
        }
        sent
    }

    /// Sends several parts at once, and reads the next one meanwhile.
    async fn send_parts(&self, upload: &Upload, mut parts: Parts<'_>) -> Result<Vec<CompletedPart>, Trouble> {
        let (mut sending, mut sent) = (FuturesUnordered::new(), Vec::new());
        for number in 1.. {
            let mut reading = pin!(self.next(&mut parts));
            let read = loop {
                tokio::select! {
                    read = &mut reading => break read?,
                    Some(part) = sending.next() => sent.push(part?),
                }
            };
            let Some(bytes) = read else { break };
            sending.push(self.send_part(upload, number, bytes));
            if sending.len() == PARTS_AT_ONCE {
                sent.extend(sending.try_next().await?);
            }
        }
        while let Some(part) = sending.try_next().await? {
            sent.push(part);
        }
        sent.sort_by_key(|part: &CompletedPart| part.part_number);
        Ok(sent)
    }

    /// The next part, when there is room for it.
    async fn next(&self, parts: &mut Parts<'_>) -> Result<Option<Bytes>, ContentError> {
        let room = self.rooms.enter(parts.size).await;
        parts.next(room).await
    }

    async fn send_part(&self, upload: &Upload, number: i32, bytes: Bytes) -> Result<CompletedPart, Failure> {
        let send = || async {
            let request = self.client.upload_part().bucket(&self.location.bucket).key(&upload.path);
            let request = request.upload_id(&upload.id).part_number(number).body(bytes.clone().into());
            let patient = within(self.requests.patience.carrying(bytes.len() as u64));
            Ok::<_, Failure>(request.customize().config_override(patient).send().await?)
        };
        let sent = self.requests.answer(send).await?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build())
    }
}

/// The size of a part: as small as allowed, but so that no more than [`PARTS_MAX`] are needed.
fn part_size(size: u64, least: u64) -> usize {
    usize::try_from(size.div_ceil(PARTS_MAX).max(least)).unwrap_or(usize::MAX)
}

/// Content in parts.
struct Parts<'a> {
    verified: Verified<'a>,
    /// What was read, and belongs to the next part.
    rest: Bytes,
    size: usize,
}

impl Parts<'_> {
    /// Exactly `size` bytes in the room, fewer at the end, then `None`.
    async fn next(&mut self, mut room: Room) -> Result<Option<Bytes>, ContentError> {
        loop {
            let taken = self.rest.split_to(self.rest.len().min(self.size - room.buffer.len()));
            room.buffer.extend_from_slice(&taken);
            if room.buffer.len() == self.size {
                return Ok(Some(room.into_bytes()));
            }
            match self.verified.next().await? {
                Some(chunk) => self.rest = chunk,
                None if room.buffer.is_empty() => return Ok(None),
                None => return Ok(Some(room.into_bytes())),
            }
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
