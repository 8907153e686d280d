//! Uploads in parts: begun, completed, and ended on every way out, since what is left open is paid for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use contract::key::Key;

use super::super::failure::Failure;
use super::super::{Headers, Kind};
use super::client::within;
use super::{S3, locked, manner};

/// An upload in parts under way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Upload {
    pub(super) path: String,
    pub(super) id: String,
}

/// The uploads in parts of this run.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// Begun, and not ended.
    pub(super) open: BTreeSet<Upload>,
    /// For which paths a beginning got no answer: the store may have begun an upload whose id nobody knows.
    pub(super) in_doubt: BTreeSet<String>,
}

impl S3 {
    pub(super) async fn begin(&self, path: String, headers: &Headers) -> Result<Upload, Failure> {
        let beginning = Arc::clone(&self.beginning).read_owned().await;
        let (requests, uploads) = (Arc::clone(&self.requests), Arc::clone(&self.uploads));
        let (client, bucket, kept) = (self.client.clone(), self.location.bucket.clone(), self.manner.clone());
        let (headers, mut closing) = (headers.clone(), self.closing.subscribe());
        // A task of its own: dropped in the middle, nobody would know the id of what the store has begun.
        let begun = tokio::spawn(async move {
            let _beginning = beginning;
            let begin = || async {
                let request = client.create_multipart_upload().bucket(&bucket).key(&path);
                let request =
                    request.content_type(&headers.content_type).cache_control(&headers.cache_control);
                let begun = request.customize().mutate_request(manner::of_new(&kept)).send().await;
                let begun = begun.map_err(Failure::from).inspect_err(|failure| {
                    if failure.leaves_doubt() {
                        locked(&uploads).in_doubt.insert(path.clone());
                    }
                })?;
                begun.upload_id.ok_or_else(|| Failure::new(Kind::Other, "it gave an upload no id"))
            };
            let mut tries = requests.tries();
            let id = loop {
                match requests.once(begin()).await {
                    Ok(id) => break id,
                    Err(failure) => tokio::select! {
                        _ = closing.wait_for(|closing| *closing) => return Err(closed()),
                        again = tries.after(failure) => again?,
                    },
                }
            };
            let upload = Upload { path: path.clone(), id };
            locked(&uploads).open.insert(upload.clone());
            Ok::<_, Failure>(upload)
        });
        begun.await.map_err(|error| Failure::new(Kind::Other, error.to_string()))?
    }

    pub(super) async fn complete(
        &self,
        upload: &Upload,
        parts: Vec<CompletedPart>,
        key: &Key,
        size: u64,
    ) -> Result<(), Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = || async {
            let request =
                self.client.complete_multipart_upload().bucket(&self.location.bucket).key(&upload.path);
            let request = request.upload_id(&upload.id).multipart_upload(parts.clone());
            let patient = within(self.requests.patience.moving());
            Ok(request.customize().config_override(patient).send().await.map(|_| ())?)
        };
        match self.requests.answer(complete).await {
            Ok(()) => {}
            // Completed by an attempt whose answer was lost.
            Err(failure) if failure.is_no_upload() => match self.head(key).await? {
                Some(found) if found.size == size => {}
                Some(_) | None => return Err(failure),
            },
            Err(failure) => return Err(failure),
        }
        self.uploads().open.remove(upload);
        Ok(())
    }

    /// Ends an upload and drops its parts. What it fails with matters less than why it is done; [`S3::abort_all`]
    /// tries again.
    pub(super) async fn abort(&self, upload: &Upload) -> Result<(), Failure> {
        let abort = || async {
            let request = self.client.abort_multipart_upload().bucket(&self.location.bucket);
            Ok(request.key(&upload.path).upload_id(&upload.id).send().await.map(|_| ())?)
        };
        match self.requests.answer(abort).await {
            Err(failure) if !failure.is_no_upload() => Err(failure),
            Ok(()) | Err(_) => {
                self.uploads().open.remove(upload);
                Ok(())
            }
        }
    }

    /// Ends all uploads that this run began and did not end: those whose future was dropped, and those whose beginning
    /// was not answered.
    pub(super) async fn abort_all(&self) -> Result<(), Failure> {
        self.closing.send_replace(true);
        let _all_begun = self.beginning.write().await;
        let (mut open, in_doubt) = {
            let uploads = self.uploads();
            (uploads.open.iter().cloned().collect::<Vec<_>>(), uploads.in_doubt.clone())
        };
        let mut first = Ok(());
        for path in in_doubt {
            match self.without_parts(&path).await {
                Ok(empty) => {
                    open.extend(empty);
                    self.uploads().in_doubt.remove(&path);
                }
                // Those that we know of are ended all the same.
                Err(failure) => first = first.and(Err(failure)),
            }
        }
        for upload in open {
            let aborted = self.abort(&upload).await;
            first = first.and(aborted);
        }
        first
    }

    /// The uploads to a path that have no part. One of them may be another publisher's that has just begun: it begins
    /// again when it finds that its upload is gone.
    async fn without_parts(&self, path: &str) -> Result<Vec<Upload>, Failure> {
        let mut empty = Vec::new();
        for (upload, _) in self.unfinished(path).await? {
            let list = || async {
                let request = self.client.list_parts().bucket(&self.location.bucket).key(&upload.path);
                Ok::<_, Failure>(request.upload_id(&upload.id).max_parts(1).send().await?)
            };
            match self.requests.answer(list).await {
                Ok(listed) if upload.path == path && listed.parts().is_empty() => empty.push(upload),
                Err(failure) if !failure.is_no_upload() => return Err(failure),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(empty)
    }

    /// Ends the uploads of runs that died, once they are older than `grace`; returns how many. Age is told by our own
    /// clock: a store refuses the signature of who is more than 15 minutes off.
    pub(super) async fn abort_stale(&self, grace: Duration) -> Result<usize, Failure> {
        let (now, mut ended) = (SystemTime::now(), 0);
        let unfinished = match self.unfinished(&self.location.below("")).await {
            Err(failure) if failure.is_not_understood() => return Ok(0),
            unfinished => unfinished?,
        };
        for (upload, begun) in unfinished {
            let ours = self.location.key(&upload.path).is_some() && !self.uploads().open.contains(&upload);
            if ours && now.duration_since(begun).is_ok_and(|age| age > grace) {
                self.abort(&upload).await?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// The uploads to paths that begin so, with the time of their beginning.
    async fn unfinished(&self, prefix: &str) -> Result<Vec<(Upload, SystemTime)>, Failure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let list = || async {
                let request =
                    self.client.list_multipart_uploads().bucket(&self.location.bucket).prefix(prefix);
                let (key, id) = marker.clone().unzip();
                Ok::<_, Failure>(request.set_key_marker(key).set_upload_id_marker(id).send().await?)
            };
            let page = self.requests.answer(list).await?;
            marker = next_page(&page);
            all.extend(page.uploads.unwrap_or_default().into_iter().filter_map(|upload| {
                let begun = SystemTime::try_from(upload.initiated?).ok()?;
                Some((Upload { path: upload.key?, id: upload.upload_id? }, begun))
            }));
            if marker.is_none() {
                return Ok(all);
            }
        }
    }
}

/// Nobody waits any longer for the upload that was to begin.
fn closed() -> Failure {
    Failure::new(Kind::Unavailable, "the run ends")
}

/// Where the next page begins; `None` behind the last one.
fn next_page(page: &ListMultipartUploadsOutput) -> Option<(String, String)> {
    let more = page.is_truncated() == Some(true);
    let next = page.next_key_marker.clone().filter(|key| more && !key.is_empty())?;
    Some((next, page.next_upload_id_marker.clone().unwrap_or_default()))
}
