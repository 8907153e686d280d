//! Many deletions in one request.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::super::Kind;
use super::super::failure::Failure;
use super::S3;

/// [As many as one request takes](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
const AT_ONCE: usize = 1000;
/// How many single deletions run at the same time where the store knows no others.
const SINGLY: usize = 16;

impl S3 {
    /// What a request for many did not do is done singly, where it fails with a reason.
    pub(super) async fn delete_paths(&self, paths: Vec<String>) -> Result<(), Failure> {
        for paths in paths.chunks(AT_ONCE) {
            let left = match self.delete_at_once(paths).await {
                Ok(left) => left,
                // Stores disagree about the checksum that this kind of request needs.
                Err(failure) if failure.kind == Kind::Other => paths.to_vec(),
                Err(failure) => return Err(failure),
            };
            let singly = left.into_iter().map(|path| async move { self.delete_path(&path).await });
            stream::iter(singly).buffer_unordered(SINGLY).try_collect::<()>().await?;
        }
        Ok(())
    }

    /// Returns those that are not deleted.
    async fn delete_at_once(&self, paths: &[String]) -> Result<Vec<String>, Failure> {
        let wrong = |error: aws_sdk_s3::error::BuildError| Failure::new(Kind::Other, error.to_string());
        let named = paths.iter().map(|path| ObjectIdentifier::builder().key(path).build());
        let named = named.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let delete = Delete::builder().set_objects(Some(named)).quiet(true).build().map_err(wrong)?;
        let ask = || async {
            let request = self.client.delete_objects().bucket(&self.location.bucket).delete(delete.clone());
            Ok::<_, Failure>(request.send().await?)
        };
        let done = self.requests.answer(ask).await?;
        Ok(done.errors.unwrap_or_default().into_iter().filter_map(|error| error.key).collect())
    }
}
