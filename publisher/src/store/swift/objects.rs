//! Looking, reading, deleting, listing.

use contract::key::Key;
use reqwest::Method;
use reqwest::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use serde::Deserialize;

use super::super::failure::Failure;
use super::super::{Found, Kind, Sent, Version};
use super::Swift;
use super::http::{Answer, Call};
use super::session::escaped;

/// What HEAD tells of an object.
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) sent: Sent,
    pub(super) version: Option<Version>,
    /// Whether it is a list of segments.
    pub(super) is_large: bool,
}

impl Swift {
    /// `None` where there is no object.
    pub(super) async fn head(&self, key: &Key) -> Result<Option<Head>, Failure> {
        let Some(answer) = self.there(self.call(&self.path(key), "", &Call::new(Method::HEAD)).await).await?
        else {
            return Ok(None);
        };
        let size = answer.header("content-length").and_then(|size| size.parse().ok());
        Ok(Some(Head {
            size: size.ok_or_else(|| Failure::new(Kind::Other, "it told no size"))?,
            sent: Sent {
                content_type: answer.header(CONTENT_TYPE.as_str()).map(str::to_owned),
                cache_control: answer.header(CACHE_CONTROL.as_str()).map(str::to_owned),
                content_encoding: answer.header(CONTENT_ENCODING.as_str()).map(str::to_owned),
            },
            version: answer.header(ETAG.as_str()).map(|etag| Version(etag.to_owned())),
            is_large: answer
                .header("x-static-large-object")
                .is_some_and(|text| text.eq_ignore_ascii_case("true")),
        }))
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Found>, Failure> {
        let got = self.call(&self.path(key), "", &Call::new(Method::GET)).await;
        Ok(self.there(got).await?.map(|answer| {
            let version = answer.header(ETAG.as_str()).map(|etag| Version(etag.to_owned()));
            Found { version: version.unwrap_or_else(|| Version::of(&answer.body)), bytes: answer.body }
        }))
    }

    /// `None` for an answer that says that there is no object. Swift says the same where there is no container.
    async fn there(&self, answer: Result<Answer, Failure>) -> Result<Option<Answer>, Failure> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.status == 404 => {
                self.container.get_or_try_init(|| self.look_at_container()).await?;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Sees that the container is there, and that the token is taken.
    pub(super) async fn look_at_container(&self) -> Result<(), Failure> {
        let looked = self.call(&self.location.container, "", &Call::new(Method::HEAD)).await;
        looked.map(|_| ()).map_err(|failure| self.no_container(failure))
    }

    /// What "not found" means where no object is asked for.
    pub(super) fn no_container(&self, failure: Failure) -> Failure {
        if failure.status != 404 {
            return failure;
        }
        let said = format!("the account has no container `{}`", self.location.container);
        Failure { kind: Kind::NoStore, said, ..failure }
    }

    /// The manifest of a large object goes first: while it is there, so are its segments.
    pub(super) async fn delete_object(&self, key: &Key) -> Result<(), Failure> {
        let segments = if may_be_large(key) { self.own_segments(key).await? } else { Vec::new() };
        self.delete_path(&self.path(key)).await?;
        self.delete_paths(&segments).await
    }

    /// Deletes objects by their paths in the account. Those that are not there are no error.
    pub(super) async fn delete_paths(&self, paths: &[String]) -> Result<(), Failure> {
        if paths.is_empty() {
            return Ok(());
        }
        if let Some(most) = self.info().await?.deletes_max {
            for paths in paths.chunks(most) {
                self.delete_at_once(paths).await?;
            }
            return Ok(());
        }
        for path in paths {
            self.delete_path(path).await?;
        }
        Ok(())
    }

    async fn delete_path(&self, path: &str) -> Result<(), Failure> {
        match self.call(path, "", &Call::new(Method::DELETE)).await {
            Err(failure) if failure.status != 404 => Err(failure),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// [Bulk delete](https://docs.openstack.org/swift/latest/middleware.html#bulk-delete). Its status says nothing:
    /// what it did not do stands in its document, and is done singly, where it fails with a reason.
    async fn delete_at_once(&self, paths: &[String]) -> Result<(), Failure> {
        let mut call = Call::new(Method::POST);
        call.headers.insert(CONTENT_TYPE, reqwest::header::HeaderValue::from_static("text/plain"));
        call.headers.insert("accept", reqwest::header::HeaderValue::from_static("application/json"));
        call.body = paths.iter().map(|path| format!("/{}\n", escaped(path))).collect::<String>().into();
        let done = match self.call("", "bulk-delete", &call).await {
            Ok(answer) => serde_json::from_slice::<Deleted>(&answer.body).ok(),
            Err(failure) if failure.passes => return Err(failure),
            Err(_) => None,
        };
        if done.is_some_and(|done| done.errors.is_empty() && done.status.starts_with("200")) {
            return Ok(());
        }
        for path in paths {
            self.delete_path(path).await?;
        }
        Ok(())
    }

    /// The keys below a prefix, with the time of their last writing.
    pub(super) async fn list_below(&self, prefix: &str) -> Result<Vec<(Key, Written)>, Failure> {
        let mut keys = Vec::new();
        let mut marker = String::new();
        loop {
            let query = format!("format=json&prefix={}&marker={}", escaped(prefix), escaped(&marker));
            let page = self.call(&self.location.container, &query, &Call::new(Method::GET)).await;
            let page = page.map_err(|failure| self.no_container(failure))?;
            let page: Vec<Listed> = serde_json::from_slice(&page.body)
                .map_err(|_| Failure::new(Kind::Other, "its list of objects cannot be read"))?;
            // Pages are as long as the cluster likes; only an empty one is the last.
            let Some(last) = page.last() else { return Ok(keys) };
            marker = last.name.clone();
            keys.extend(
                page.into_iter()
                    .filter_map(|listed| Some((self.location.key(&listed.name)?, listed.last_modified))),
            );
        }
    }
}

/// What [`Store::send`](super::Store::send) and [`Store::copy`](super::Store::copy) are used for: content. Documents
/// are smaller than any cluster's limit, so that deleting one costs one request.
fn may_be_large(key: &Key) -> bool {
    matches!(key, Key::Blob(_) | Key::V1Layer(_))
}

/// UTC without a zone, as [Swift lists it](https://docs.openstack.org/api-ref/object-store/#show-container-details-and-list-objects):
/// `2026-11-21T17:00:00.123456`. Times are compared as text.
pub(super) type Written = String;

#[derive(Deserialize)]
struct Listed {
    name: String,
    last_modified: Written,
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "Response Status")]
    status: String,
    #[serde(rename = "Errors")]
    errors: Vec<serde_json::Value>,
}
