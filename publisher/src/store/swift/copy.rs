//! Copies that the cluster makes itself.
//!
//! A large object is flattened by a plain copy, which ends at the cluster's limit; a copy of its manifest would share
//! its segments, and deleting either would break the other. So its segments are copied one by one, and listed anew.

use contract::key::{ContentType, Key};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};

use super::super::failure::Failure;
use super::super::{Kind, headers};
use super::http::Call;
use super::session::escaped;
use super::{Swift, stored};

impl Swift {
    pub(super) async fn copy_object(&self, from: &Key, to: &Key) -> Result<(), Failure> {
        let found = self
            .head(from)
            .await?
            .ok_or_else(|| Failure::new(Kind::Missing, format!("there is no {from}")))?;
        let mut headers = headers(to, None, self.changing_ttl);
        if let (ContentType::OfManifest, Some(content_type)) = (to.content_type(), found.sent.content_type) {
            headers.content_type = content_type;
        }
        let headers = stored(&headers)?;
        if found.is_large && found.size > self.info().await?.object_max {
            return self.copy_segments(from, to, headers).await;
        }
        self.copy_path(&self.path(from), &self.path(to), headers).await
    }

    async fn copy_segments(&self, from: &Key, to: &Key, headers: HeaderMap) -> Result<(), Failure> {
        let listed = self.manifest(from).await?;
        let mut upload = self.begin(to);
        for segment in listed {
            let (path, of_segment) = self.segment(&mut upload, &segment.hash, segment.bytes)?;
            let source = segment.name.trim_start_matches('/');
            if let Err(failure) = self.copy_path(source, &path, of_segment).await {
                self.abort(upload.id()).await;
                return Err(failure);
            }
        }
        self.complete(upload, headers).await
    }

    /// [A copy](https://docs.openstack.org/api-ref/object-store/#copy-object) between two paths in the account. The
    /// cluster compares its MD5 with the source's.
    async fn copy_path(&self, from: &str, to: &str, mut headers: HeaderMap) -> Result<(), Failure> {
        let source = HeaderValue::from_str(&format!("/{}", escaped(from)));
        let source = source.map_err(|_| Failure::new(Kind::Other, format!("`{from}` fits no header")))?;
        headers.insert("x-copy-from", source);
        // None of the source's headers: what an object has follows from its key.
        headers.insert("x-fresh-metadata", HeaderValue::from_static("true"));
        let call = Call { method: Method::PUT, headers, body: bytes::Bytes::new(), moves: true };
        self.call(to, "", &call).await.map(|_| ())
    }
}
