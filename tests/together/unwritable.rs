//! Stores that cannot be written: what is wrong is said, and what was there before stays whole.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::old_docker::OldDocker;
use crate::refused::assert_says;
use crate::rig::archive::Archive;
use crate::rig::http;
use crate::rig::layout::tar;
use crate::rig::ours::{Endpoint, publisher};
use crate::rig::process::{Component, free_port, must};
use crate::rig::random::Random;
use crate::rig::seaweed::{OWNER, READER, User, seaweed};
use crate::rig::store::{Store, bucket_argument};

/// A docker archive with one layer of this many bytes that no compression makes smaller.
fn source(place: &std::path::Path, bytes: usize) -> PathBuf {
    let path = place.join("saved.tar");
    let layer = tar(&[("noise", &Random::seeded(bytes as u64).bytes(bytes))]);
    fs::write(&path, Archive::default().image(&["acme/app:1.2"], &[layer]).to_tar()).unwrap();
    path
}

/// Publishing as `user` to a store in a bucket ends with exit code 1 and says `says`.
#[track_caller]
fn refuses(user: User, store: &str, says: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let source = source(place.path(), 1000);
    let run = publisher(user, &["publish", source.to_str().unwrap(), "acme/app:1.2", "--to", store]);
    assert_says(&run, 1, says);
}

#[test]
fn no_such_bucket() {
    refuses(OWNER, &bucket_argument(&seaweed().url(), "absent-bucket"), &["absent-bucket"]);
}

#[test]
fn wrong_credentials() {
    let store = Store::bucket();
    refuses(User(OWNER.0, "wrong"), &store.argument(), &["bucket-", "hint:", "AWS_SECRET_ACCESS_KEY"]);
    refuses(User("nobody", "wrong"), &store.argument(), &["bucket-", "hint:", "AWS_ACCESS_KEY_ID"]);
    assert!(store.objects().is_empty());
}

#[test]
fn no_permission_to_write() {
    let store = Store::bucket();
    refuses(READER, &store.argument(), &["denied"]);
    assert!(store.objects().is_empty());
}

#[test]
fn nobody_listens_at_the_endpoint() {
    let url = format!("http://127.0.0.1:{}", free_port());
    refuses(OWNER, &bucket_argument(&url, "bucket"), &[&url]);
}

#[test]
fn directory_that_is_a_file() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "in the way").unwrap();
    refuses(OWNER, file.to_str().unwrap(), &[file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}

#[test]
fn full_disk() {
    let disk = Component::place("disk");
    let root = disk.dir().join("store");
    fs::create_dir(&root).unwrap();
    must(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&root));
    let store = root.to_str().unwrap();
    let place = tempfile::tempdir().unwrap();
    let publish = |bytes: usize| {
        let source = source(place.path(), bytes);
        publisher(OWNER, &["publish", source.to_str().unwrap(), "acme/app:1.2", "--to", store])
    };
    let first = publish(1000);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let endpoint = Endpoint::of_directory(&root);
    let manifest = || http::get(&endpoint.url("/v2/acme/app/manifests/1.2")).body;
    let before = (manifest(), OldDocker::V1_9.pull(&endpoint.host, "acme/app", "1.2").unwrap());

    assert_says(&publish(4_000_000), 1, &["no space left on device", store]);
    assert_eq!((manifest(), OldDocker::V1_9.pull(&endpoint.host, "acme/app", "1.2").unwrap()), before);
    // What was written in vain is not left to fill the disk.
    let after = publish(100_000);
    assert_eq!(after.code, Some(0), "{}", after.stderr);
}
