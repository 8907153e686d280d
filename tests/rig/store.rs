//! The stores that images are published to, with one face: what to call the publisher with, and what is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::layout::sha256;
use super::ours::{self, Endpoint};
use super::process::Run;
use super::seaweed::{OWNER, seaweed};

/// A new, empty store.
pub(crate) enum Store {
    Directory(TempDir),
    /// A public bucket of SeaweedFS, of which a prefix is the store.
    Bucket(String),
}

/// Where in the bucket the store is.
const PREFIX: &str = "some/prefix";

impl Store {
    pub(crate) fn directory() -> Self {
        Self::Directory(tempfile::tempdir().unwrap())
    }

    pub(crate) fn bucket() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bucket-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        seaweed().create_public_bucket(&name);
        Self::Bucket(name)
    }

    /// The store as the command line names it.
    pub(crate) fn argument(&self) -> String {
        match self {
            Self::Directory(dir) => dir.path().display().to_string(),
            Self::Bucket(name) => bucket_argument(&seaweed().url(), name),
        }
    }

    /// Runs `registry-publisher` as somebody who may write here.
    pub(crate) fn publisher(&self, arguments: &[&str]) -> Run {
        ours::publisher(OWNER, arguments)
    }

    /// Publishes `source` under these references, which must succeed; gives what the publisher printed.
    #[track_caller]
    pub(crate) fn publish(&self, source: &Path, references: &[&str]) -> String {
        let store = self.argument();
        let arguments = [&["publish", source.to_str().unwrap()], references, &["--to", &store]].concat();
        let run = self.publisher(&arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}\n{}", run.stderr);
        run.stdout
    }

    /// Derives all listings from the links, which must succeed. No publisher is at work, so that nothing stale is
    /// to be given time.
    #[track_caller]
    pub(crate) fn relist(&self) {
        let run = self.publisher(&["relist", "--stale-after", "0s", &self.argument()]);
        assert_eq!(run.code, Some(0), "relist\n{}", run.stderr);
    }

    /// An endpoint that leads clients here.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Directory(dir) => Endpoint::of_directory(dir.path()),
            Self::Bucket(name) => Endpoint::to_cdn(&bucket_url(&seaweed().url(), name)),
        }
    }

    /// An endpoint that fetches documents here and answers with them, with these flags too.
    pub(crate) fn endpoint_serving(&self, more: &[&str]) -> Endpoint {
        match self {
            Self::Directory(_) => panic!("this store is not served by HTTP"),
            Self::Bucket(name) => Endpoint::serving(&bucket_url(&seaweed().url(), name), more),
        }
    }

    /// Every object by its key in the store, with a mark that changes when its bytes do.
    pub(crate) fn objects(&self) -> BTreeMap<String, String> {
        match self {
            Self::Directory(dir) => {
                files(dir.path()).map(|(key, path)| (key, sha256(&fs::read(path).unwrap()))).collect()
            }
            Self::Bucket(name) => {
                let strip = |key: String| key.strip_prefix(PREFIX).unwrap()[1..].to_owned();
                seaweed().list(name).into_iter().map(|(key, etag)| (strip(key), etag)).collect()
            }
        }
    }

    /// The bytes of one object.
    pub(crate) fn read(&self, key: &str) -> Vec<u8> {
        match self {
            Self::Directory(dir) => fs::read(dir.path().join(key)).unwrap(),
            Self::Bucket(name) => seaweed().get(name, &format!("{PREFIX}/{key}")),
        }
    }

    /// Puts other bytes at the key of an object, as who does not know how we keep objects.
    pub(crate) fn overwrite(&self, key: &str, bytes: &[u8]) {
        match self {
            Self::Directory(dir) => fs::write(dir.path().join(key), bytes).unwrap(),
            Self::Bucket(name) => seaweed().put(name, &format!("{PREFIX}/{key}"), bytes),
        }
    }

    /// What a client can come to see: everything but blobs that nothing names yet, and what is our own.
    pub(crate) fn visible(&self) -> BTreeMap<String, String> {
        let mut objects = self.objects();
        objects.retain(|key, _| !key.contains("/v2/blobs/") && !key.starts_with("static-registry/"));
        objects
    }

    /// Fails where bytes stand at the key of another digest, which no failure may ever bring about.
    #[track_caller]
    pub(crate) fn assert_blobs_are_true(&self) {
        for key in self.objects().keys() {
            let Some(hex) = key.strip_suffix("/data").and_then(|key| key.rsplit('/').next()) else {
                continue;
            };
            if key.contains("/blobs/sha256/") {
                assert_eq!(sha256(&self.read(key)), format!("sha256:{hex}"), "{key}");
            }
        }
    }
}

/// Where everybody reads a store in a bucket.
pub(crate) fn bucket_url(url: &str, bucket: &str) -> String {
    format!("{url}/{bucket}/{PREFIX}")
}

/// A store in a bucket, as the command line names it.
pub(crate) fn bucket_argument(url: &str, bucket: &str) -> String {
    format!("s3://{bucket}/{PREFIX}?endpoint={url}&region=us-east-1")
}

/// Every file below `root`, with its path from there.
fn files(root: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(root).unwrap().display().to_string(), path));
            }
        }
    }
    found.into_iter()
}
