//! Looking, reading, deleting, listing.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use contract::key::{ContentType, Key};
use futures_util::stream::{self, StreamExt, TryStream, TryStreamExt};
use reqwest::Method;
use reqwest::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::below;
use super::super::failure::Failure;
use super::super::{Found, Kind, Sent, Version, headers};
use super::http::{Answer, Call};
use super::session::escaped;
use super::{Swift, stored};

/// What HEAD tells of an object.
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    pub(super) sent: Sent,
    pub(super) version: Option<Version>,
    /// Whether it is a list of segments.
    pub(super) is_large: bool,
}

impl Swift {
    /// `None` where there is no object.
    pub(super) async fn head(&self, key: &Key) -> Result<Option<Head>, Failure> {
        self.head_by(key, &Call::new(Method::HEAD)).await
    }

    /// The same from [the newest of its replicas](https://docs.openstack.org/api-ref/object-store/#show-object-metadata):
    /// the first one to answer may not have heard of a refreshing yet.
    pub(super) async fn head_newest(&self, key: &Key) -> Result<Option<Head>, Failure> {
        let mut call = Call::new(Method::HEAD);
        call.headers.insert("x-newest", HeaderValue::from_static("true"));
        self.head_by(key, &call).await
    }

    async fn head_by(&self, key: &Key, call: &Call) -> Result<Option<Head>, Failure> {
        let Some(answer) = self.there(self.call(&self.path(key), "", call).await).await? else {
            return Ok(None);
        };
        let size = answer.header("content-length").and_then(|size| size.parse().ok());
        Ok(Some(Head {
            size: size.ok_or_else(|| Failure::new(Kind::Other, "it told no size"))?,
            modified: modified(&answer)
                .ok_or_else(|| Failure::new(Kind::Other, "it told no time of change"))?,
            sent: sent(&answer),
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
            let (modified, headers) = (modified(&answer), Some(sent(&answer)));
            let version = version.unwrap_or_else(|| Version::of(&answer.body));
            Found { version, bytes: answer.body, modified, headers }
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

    /// Many at once, each as [`Self::delete_object`] does it.
    pub(super) async fn delete_objects(&self, keys: &[Key]) -> Result<(), Failure> {
        let mut large = keys.to_vec();
        large.retain(may_be_large);
        let large = large.into_iter().map(|key| async move { self.own_segments(&key).await });
        let segments: Vec<Vec<String>> = stream::iter(large).buffered(SINGLY).try_collect().await?;
        let paths: Vec<String> = keys.iter().map(|key| self.path(key)).collect();
        self.delete_paths(&paths).await?;
        self.delete_paths(&segments.concat()).await
    }

    /// [A POST](https://docs.openstack.org/api-ref/object-store/#create-or-update-object-metadata) makes an object
    /// younger. It drops every header that is not said again, but for the list of segments.
    pub(super) async fn refresh_object(&self, key: &Key) -> Result<(), Failure> {
        let missing = || Failure::new(Kind::Missing, format!("there is no {key}"));
        let found = self.head(key).await?.ok_or_else(missing)?;
        let mut headers = headers(key, None, self.changing_ttl);
        if let (ContentType::OfManifest, Some(content_type)) = (key.content_type(), found.sent.content_type) {
            headers.content_type = content_type;
        }
        let call = Call { headers: stored(&headers)?, ..Call::new(Method::POST) };
        match self.call(&self.path(key), "", &call).await {
            Err(failure) if failure.status == 404 => Err(missing()),
            posted => posted.map(|_| ()),
        }
    }

    /// What the cluster's clock shows, by its last answer; where there was none, one is asked for.
    pub(super) async fn told_time(&self) -> Result<SystemTime, Failure> {
        if self.clock.now().is_none() {
            self.look_at_container().await?;
        }
        self.clock.now().ok_or_else(|| Failure::new(Kind::Other, "its answers have no Date"))
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
        let singly = paths.iter().cloned().map(|path| async move { self.delete_path(&path).await });
        stream::iter(singly).buffer_unordered(SINGLY).try_collect().await
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
        let pages = self.pages_below(prefix.to_owned());
        let keys = |page: Vec<Listed>| {
            let key = |listed: Listed| Some((self.location.key(&listed.name)?, listed.last_modified));
            page.into_iter().filter_map(key).collect::<Vec<_>>()
        };
        pages.map_ok(keys).try_concat().await
    }

    /// What is below a prefix.
    pub(super) fn pages_below(
        &self,
        prefix: String,
    ) -> impl TryStream<Ok = Vec<Listed>, Error = Failure, Item = Result<Vec<Listed>, Failure>> + Send + '_
    {
        stream::try_unfold((prefix, String::new()), move |(prefix, marker)| async move {
            let query = format!("format=json&prefix={}&marker={}", escaped(&prefix), escaped(&marker));
            let page: Vec<Listed> = self.page(&query).await?;
            // Pages are as long as the cluster likes; only an empty one is the last.
            let Some(last) = page.last().map(|last| last.name.clone()) else { return Ok(None) };
            Ok(Some((page, (prefix, last))))
        })
    }

    /// The folders directly below another one.
    pub(super) async fn folders_below(&self, prefix: &str) -> Result<BTreeSet<String>, Failure> {
        let (mut folders, mut marker) = (BTreeSet::new(), String::new());
        loop {
            let (below, from) = (escaped(prefix), escaped(&marker));
            let query = format!("format=json&delimiter=/&prefix={below}&marker={from}");
            let page: Vec<Entry> = self.page(&query).await?;
            let Some(last) = page.last().map(|last| last.path().to_owned()) else { return Ok(folders) };
            folders.extend(page.iter().filter_map(|entry| below::first(prefix, entry.path())));
            marker = last;
        }
    }

    async fn page<T: DeserializeOwned>(&self, query: &str) -> Result<Vec<T>, Failure> {
        let page = self.call(&self.location.container, query, &Call::new(Method::GET)).await;
        let page = page.map_err(|failure| self.no_container(failure))?;
        serde_json::from_slice(&page.body)
            .map_err(|_| Failure::new(Kind::Other, "its list of objects cannot be read"))
    }
}

/// How many requests for one object each run at the same time.
pub(super) const SINGLY: usize = 16;

/// What [`Store::send`](super::Store::send) and [`Store::copy`](super::Store::copy) are used for: content. Documents
/// are smaller than any cluster's limit, so that deleting one costs one request.
fn may_be_large(key: &Key) -> bool {
    matches!(key, Key::Blob(_) | Key::V1Layer(_))
}

/// UTC without a zone, as [Swift lists it](https://docs.openstack.org/api-ref/object-store/#show-container-details-and-list-objects):
/// `2026-11-21T17:00:00.123456`. Times are compared as text.
pub(super) type Written = String;

/// An object in [the list of a container](https://docs.openstack.org/api-ref/object-store/#show-container-details-and-list-objects).
#[derive(Deserialize)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) last_modified: Written,
    #[serde(default)]
    pub(super) bytes: u64,
}

fn sent(answer: &Answer) -> Sent {
    let header = |name: HeaderName| answer.header(name.as_str()).map(str::to_owned);
    Sent {
        content_type: header(CONTENT_TYPE),
        cache_control: header(CACHE_CONTROL),
        content_encoding: header(CONTENT_ENCODING),
        etag: header(ETAG),
    }
}

/// To the microsecond where the cluster says it so, else to the second.
fn modified(answer: &Answer) -> Option<SystemTime> {
    let stamp = answer.header("x-timestamp").and_then(|text| text.parse().ok());
    let stamp = stamp.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let second = || httpdate::parse_http_date(answer.header(LAST_MODIFIED.as_str())?).ok();
    stamp.map(|since| SystemTime::UNIX_EPOCH + since).or_else(second)
}

/// The same where a delimiter makes folders of paths.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Folder { subdir: String },
    Object { name: String },
}

impl Entry {
    fn path(&self) -> &str {
        let (Self::Folder { subdir: path } | Self::Object { name: path }) = self;
        path
    }
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(rename = "Response Status")]
    status: String,
    #[serde(rename = "Errors")]
    errors: Vec<serde_json::Value>,
}
