//! Large objects: segments, then the manifest that makes an object of them.
//!
//! Segments that no manifest came to name are removed by who uploaded them, on every way out. Those of a process that
//! was killed, and those of an object that was overwritten, stay: their keys name the object, which tells whether it
//! still lists them.

use contract::key::Key;
use md5::{Digest, Md5};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap};
use serde::{Deserialize, Serialize};

use super::super::failure::{Failure, Trouble};
use super::super::{Kind, headers};
use super::feed::Piece;
use super::http::Call;
use super::send::Source;
use super::write::{hex, hex_header};
use super::{Swift, stored};

/// An upload whose manifest is not written.
pub(super) struct Upload<'a> {
    of: &'a Key,
    id: u64,
    listed: Vec<Segment>,
}

/// [A segment in a manifest that is written](https://docs.openstack.org/swift/latest/api/large_objects.html).
#[derive(Debug, Serialize)]
struct Segment {
    path: String,
    etag: String,
    size_bytes: u64,
}

/// The same, read.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    /// With a leading slash and its container.
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) bytes: u64,
    /// Only a part of the segment counts.
    range: Option<String>,
    /// It is a list itself.
    sub_slo: Option<bool>,
}

impl Upload<'_> {
    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

impl Swift {
    pub(super) async fn send_segments<'a>(
        &self,
        key: &Key,
        headers: HeaderMap,
        pieces: &[Piece],
        source: &'a Source<'a>,
    ) -> Result<(), Trouble> {
        let mut upload = self.begin(key);
        let mut feed = None;
        for piece in pieces {
            let (path, of_segment) = self.segment(&mut upload, &piece.md5, piece.size)?;
            if let Err(trouble) = self.send_piece(&path, &of_segment, piece, source, &mut feed).await {
                self.abort(upload.id()).await;
                return Err(trouble);
            }
        }
        Ok(self.complete(upload, headers).await?)
    }

    pub(super) fn begin<'a>(&self, of: &'a Key) -> Upload<'a> {
        Upload { of, id: fastrand::u64(..), listed: Vec::new() }
    }

    /// Where the next segment goes, and with which headers. It is remembered before it is written.
    pub(super) fn segment(
        &self,
        upload: &mut Upload<'_>,
        md5: &str,
        size: u64,
    ) -> Result<(String, HeaderMap), Failure> {
        let number = u32::try_from(upload.listed.len() + 1).unwrap_or(u32::MAX);
        let key = Key::Segment { of: Box::new(upload.of.clone()), upload: upload.id, number };
        let headers = stored(&headers(&key, None, self.changing_ttl))?;
        let path = self.path(&key);
        self.uploads().entry(upload.id).or_default().push(path.clone());
        upload.listed.push(Segment { path: format!("/{path}"), etag: md5.to_owned(), size_bytes: size });
        Ok((path, headers))
    }

    /// Writes the manifest. The cluster compares each segment's size and MD5, and the MD5 of these MD5s.
    pub(super) async fn complete(&self, upload: Upload<'_>, mut headers: HeaderMap) -> Result<(), Failure> {
        let all = upload.listed.iter().fold(Md5::new(), |hasher, segment| hasher.chain_update(&segment.etag));
        headers.insert(ETAG, hex_header(&hex(all)));
        let manifest = serde_json::to_vec(&upload.listed);
        let body = manifest.map_err(|error| Failure::new(Kind::Other, error.to_string()))?.into();
        let call = Call { method: Method::PUT, headers, body, moves: true };
        // From here on the manifest may be there, and whoever removed a segment would break it.
        let segments = self.uploads().remove(&upload.id).unwrap_or_default();
        let put = self.call(&self.path(upload.of), "multipart-manifest=put", &call).await;
        let failure = match put {
            Ok(_) => return Ok(()),
            Err(failure) => self.no_container(failure),
        };
        if !failure.leaves_doubt() {
            self.uploads().insert(upload.id, segments);
            self.abort(upload.id).await;
        }
        Err(failure)
    }

    /// Removes the segments of an upload. What it fails with matters less than why; `close` tries again.
    pub(super) async fn abort(&self, id: u64) {
        let _ = self.remove_segments(id).await;
    }

    async fn remove_segments(&self, id: u64) -> Result<(), Failure> {
        let segments = self.uploads().get(&id).cloned().unwrap_or_default();
        self.delete_paths(&segments).await?;
        self.uploads().remove(&id);
        Ok(())
    }

    /// Removes all segments that this run wrote and no manifest names: those whose future was dropped.
    pub(super) async fn abort_all(&self) -> Result<(), Failure> {
        let open: Vec<u64> = self.uploads().keys().copied().collect();
        let mut first = Ok(());
        for id in open {
            let removed = self.remove_segments(id).await;
            first = first.and(removed);
        }
        first
    }

    /// The paths of the segments that belong to this object alone, by their keys.
    pub(super) async fn own_segments(&self, key: &Key) -> Result<Vec<String>, Failure> {
        if !self.head(key).await?.is_some_and(|found| found.is_large) {
            return Ok(Vec::new());
        }
        let root = self.in_account("");
        let names = self.manifest(key).await?.into_iter().map(|listed| listed.name);
        let own = names.filter_map(|name| {
            let path = name.strip_prefix('/')?.to_owned();
            match self.location.key(path.strip_prefix(&root)?)? {
                Key::Segment { of, .. } if *of == *key => Some(path),
                _ => None,
            }
        });
        Ok(own.collect())
    }

    /// What a large object lists.
    pub(super) async fn manifest(&self, key: &Key) -> Result<Vec<Listed>, Failure> {
        let got = self.call(&self.path(key), "multipart-manifest=get", &Call::new(Method::GET)).await?;
        let other = |said: &str| Failure::new(Kind::Other, format!("the list of segments of {key} {said}"));
        let is_json =
            got.header(CONTENT_TYPE.as_str()).is_some_and(|text| text.starts_with("application/json"));
        let listed = Some(&got.body).filter(|_| is_json).and_then(|body| serde_json::from_slice(body).ok());
        let listed: Vec<Listed> = listed.ok_or_else(|| other("cannot be read"))?;
        if listed.iter().any(|segment| segment.range.is_some() || segment.sub_slo == Some(true)) {
            return Err(other("is not of a kind that this program writes"));
        }
        Ok(listed)
    }
}
