//! Copies that the store makes itself.

use aws_sdk_s3::types::{CompletedPart, MetadataDirective};
use contract::key::{ContentType, Key};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::failure::Failure;
use super::super::{Headers, Kind, headers};
use super::client::within;
use super::send::PARTS_AT_ONCE;
use super::uploads::Upload;
use super::{S3, manner};

/// All but [RFC 3986's unreserved characters](https://www.rfc-editor.org/rfc/rfc3986#section-2.3) and the slash.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

impl S3 {
    pub(super) async fn copy_object(&self, from: &Key, to: &Key) -> Result<(), Failure> {
        let found = self
            .head(from)
            .await?
            .ok_or_else(|| Failure::new(Kind::Missing, format!("there is no {from}")))?;
        let mut headers = headers(to, None, self.changing_ttl);
        if let (ContentType::OfManifest, Some(content_type)) = (to.content_type(), found.sent.content_type) {
            headers.content_type = content_type;
        }
        let source = format!("{}/{}", self.location.bucket, self.path(from));
        let source = utf8_percent_encode(&source, ESCAPED).to_string();
        if found.size <= self.limits.copy {
            return self.copy_at_once(&source, to, &headers).await;
        }
        let upload = self.begin(self.path(to), &headers).await?;
        let copied = match self.copy_parts(&upload, &source, found.size).await {
            Ok(parts) => self.complete(&upload, parts, to, found.size).await,
            Err(failure) => Err(failure),
        };
        if copied.is_err() {
            // What it fails with matters less than why; `close` tries again.
            let _ = self.abort(&upload).await;
        }
        copied
    }

    async fn copy_at_once(&self, source: &str, to: &Key, headers: &Headers) -> Result<(), Failure> {
        let copy = || async {
            let request = self.client.copy_object().bucket(&self.location.bucket).key(self.path(to));
            let request = request
                .copy_source(source)
                .metadata_directive(MetadataDirective::Replace)
                .content_type(&headers.content_type)
                .cache_control(&headers.cache_control);
            let patient = within(self.requests.patience.moving());
            let request =
                request.customize().mutate_request(manner::of_new(&self.manner)).config_override(patient);
            Ok(request.send().await.map(|_| ())?)
        };
        self.requests.answer(copy).await
    }

    async fn copy_parts(
        &self,
        upload: &Upload,
        source: &str,
        size: u64,
    ) -> Result<Vec<CompletedPart>, Failure> {
        let copying = (1..).zip(ranges(size, self.limits.copy)).map(|(number, (first, last))| async move {
            let copy = || async {
                let request = self.client.upload_part_copy().bucket(&self.location.bucket).key(&upload.path);
                let request = request.upload_id(&upload.id).part_number(number).copy_source(source);
                let request = request.copy_source_range(format!("bytes={first}-{last}"));
                let patient = within(self.requests.patience.moving());
                Ok::<_, Failure>(request.customize().config_override(patient).send().await?)
            };
            let copied = self.requests.answer(copy).await?;
            let etag = copied.copy_part_result.and_then(|result| result.e_tag);
            Ok(CompletedPart::builder().part_number(number).set_e_tag(etag).build())
        });
        stream::iter(copying).buffered(PARTS_AT_ONCE).try_collect().await
    }
}

/// First and last byte of each part.
fn ranges(size: u64, part: u64) -> impl Iterator<Item = (u64, u64)> {
    let step = usize::try_from(part.max(1)).unwrap_or(usize::MAX);
    (0..size).step_by(step).map(move |first| (first, (first + part).min(size) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_all_bytes_once() {
        assert_eq!(ranges(7, 3).collect::<Vec<_>>(), [(0, 2), (3, 5), (6, 6)]);
        assert_eq!(ranges(6, 3).collect::<Vec<_>>(), [(0, 2), (3, 5)]);
    }
}
