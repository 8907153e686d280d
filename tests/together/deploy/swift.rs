//! Who may do what in a Swift container: the ACLs of `deploy/README.md` are enough for a publisher, and show nobody a list.

use std::fs;

use ureq::http::Method;

use super::{deploy, source};
use crate::rig::http;
use crate::rig::ours::publisher_command;
use crate::rig::process::run;
use crate::rig::swift::{GUEST, swift};

/// The ACLs that README gives the publisher `PROJECT:USER`: of reading and of writing.
fn acls() -> [String; 2] {
    let readme = fs::read_to_string(deploy("README.md")).unwrap();
    let line = readme.lines().find(|line| line.starts_with("swift post ")).unwrap();
    ["--read-acl", "--write-acl"].map(|flag| {
        let (_, rest) = line.split_once(flag).unwrap();
        rest.split('\'').nth(1).unwrap().replace("PROJECT:USER", GUEST.0)
    })
}

#[test]
fn a_publisher_who_owns_nothing() {
    let name = "of-another-owner";
    let [read, write] = acls();
    assert!(!read.contains(".rlistings"), "{read}");
    swift().create_with_acls(name, &read, &write);

    let source = source();
    let store = format!("swift://{name}");
    let publisher = |arguments: &[&str]| {
        let mut command = publisher_command();
        command.env("ST_AUTH", swift().auth_url()).env("ST_USER", GUEST.0).env("ST_KEY", GUEST.1);
        run(command.args(arguments))
    };
    for arguments in [
        &["publish", source.path().to_str().unwrap(), "acme/app:1", "acme/app:2", "--to", &store][..],
        &["remove", "acme/app:1", "--from", &store],
        &["relist", &store],
    ] {
        let run = publisher(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}\n{}", run.stderr);
    }
    let tags = format!("{}/docker/registry/v2/repositories/acme/app/_manifests/tags.json", swift().url(name));
    assert_eq!(http::get(&tags).json()["tags"], serde_json::json!(["2"]));
    let list = http::send(&Method::GET, &swift().url(name), &[]).unwrap();
    assert_eq!(list.status, 401, "nobody lists it");
    let written = http::send(&Method::DELETE, &tags, &[]).unwrap();
    assert_eq!(written.status, 401, "nobody writes to it");
}
