//! Stores that cannot be written: what is wrong is said, and what was there before stays whole.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::old_docker::OldDocker;
use crate::refused::assert_says;
use crate::rig::archive::Archive;
use crate::rig::http;
use crate::rig::layout::tar;
use crate::rig::ours::{Endpoint, publisher, publisher_command};
use crate::rig::process::{Component, Run, bare, free_port, must, run};
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

/// A store of somebody else's: root without these rights, `other` to the user whose files they are.
fn of_another_user(lacking: &str) -> (Store, impl Fn(&[&str]) -> Run) {
    let (store, place) = (Store::directory(), tempfile::tempdir().unwrap());
    let source = source(place.path(), 1000);
    let argument = store.argument();
    let publish = ["publish", source.to_str().unwrap(), "acme/app:1.2", "--to", &argument];
    assert_eq!(publisher(OWNER, &publish).code, Some(0));
    must(Command::new("find").args([
        &*argument,
        "-type",
        "f",
        "-exec",
        "touch",
        "-d",
        "13 hours ago",
        "{}",
        "+",
    ]));
    must(Command::new("chown").args(["-R", "65534", &argument]));
    must(Command::new("chmod").args(["-R", "a+rX", &argument]));
    let lacking = lacking.to_owned();
    (store, move |arguments: &[&str]| {
        let mut command = bare("setpriv");
        command.args([format!("--bounding-set=-{lacking}"), format!("--inh-caps=-{lacking}")]);
        run(command.arg(publisher_command().get_program()).args(arguments))
    })
}

#[test]
fn directory_with_files_of_another_user() {
    let (store, ours) = of_another_user("fowner");
    let argument = store.argument();
    let run = ours(&["tag", "acme/app:1.2", "acme/app:stable", "--in", &argument]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let old = must(Command::new("find").args([&*argument, "-name", "manifest", "-mmin", "+60"]));
    let old: Vec<&str> = old.lines().filter(|path| path.contains("/revisions/")).collect();
    assert!(old.is_empty(), "what goes on being used is young: {old:?}");
}

#[test]
fn directory_that_may_only_be_read() {
    let (store, ours) = of_another_user("dac_override");
    let argument = store.argument();
    for look in [&["gc", &argument, "--dry-run"][..], &["retain", &argument, "--keep", "v*"]] {
        let run = ours(look);
        assert_eq!(run.code, Some(0), "{look:?}: {run:?}");
    }
    let write = ours(&["tag", "acme/app:1.2", "acme/app:stable", "--in", &argument]);
    assert_says(&write, 1, &["does not permit it", "hint: whoever publishes to a directory"]);
}
