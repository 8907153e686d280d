//! The README's first command, as a newcomer runs it.

use std::env;
use std::fs;

use crate::rig::built::Built;
use crate::rig::process::{Run, bare, run};

/// cargo builds the examples together with the tests.
fn quickstart(arguments: &[&str]) -> (Run, tempfile::TempDir) {
    let program = env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/quickstart");
    let place = tempfile::tempdir().unwrap();
    let bucket = place.path().join("made/here/bucket");
    let mut command = bare(program);
    command
        .args(["--check", "--listen", "127.0.0.1:0", "--bucket", bucket.to_str().unwrap()])
        .args(arguments);
    let run = run(&mut command);
    (run, place)
}

#[test]
fn makes_publishes_serves_and_pulls_an_image() {
    let (run, place) = quickstart(&[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for part in [
        "made ",
        "published  acme/hello:latest@sha256:",
        "serving    http://127.0.0.1:",
        "3 manifests and 4 blobs",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    assert!(place.path().join("made/here/bucket/docker/registry/v2/catalog.json").is_file());
}

#[test]
fn takes_an_image_that_docker_saved() {
    let built = Built::new("quickstart");
    let archive = built.archive();
    let (run, _place) = quickstart(&[archive.to_str().unwrap(), "--name", "acme/app:1.0"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("published  acme/app:1.0@sha256:"), "{}", run.stdout);
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("notes.txt");
    fs::write(&source, "not an image").unwrap();
    let (run, _place) = quickstart(&[source.to_str().unwrap()]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("is not a tar archive"), "{}", run.stderr);
}
