//! The container image: what it is, and that it serves.

use std::fs;

use serde_json::{Value, json};

use super::deploy;
use super::running::{CONFINED, Container};
use crate::rig::built::Built;
use crate::rig::dist::{SOURCE, image};
use crate::rig::dockerd::dockerd;
use crate::rig::http;
use crate::rig::process::free_port;
use crate::rig::seaweed::seaweed;
use crate::rig::store::Store;

#[test]
fn an_image_of_one_file_that_docker_pulls_by() {
    image(dockerd(), "deployed/endpoint:local");
    let shape = dockerd().docker(&["image", "inspect", "deployed/endpoint:local"]);
    let shape: Value = serde_json::from_str(&shape).unwrap();
    let config = &shape[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["ExposedPorts"], json!({"5000/tcp": {}}));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(shape[0]["RootFS"]["Layers"].as_array().unwrap().len(), 1, "{shape}");

    let (store, built, port) = (Store::bucket(), Built::new("deployed"), free_port().to_string());
    store.publish(&built.archive(), &["acme/app:1.2"]);
    let Store::Bucket(bucket) = &store else { panic!("a bucket was asked for") };
    let base = format!("{}/{bucket}/some/prefix", seaweed().url());
    let variable = format!("PORT={port}");
    let flags = ["--network", "host", "--env", &variable, "deployed/endpoint:local", "--cdn", &base];
    let container = Container::run(dockerd(), &[&CONFINED[..], &flags].concat());
    let host = format!("127.0.0.1:{port}");
    dockerd().wait(|| http::answers(&format!("http://{host}/healthz")));

    let reference = format!("{host}/acme/app:1.2");
    dockerd().docker(&["pull", &reference]);
    assert_eq!(dockerd().docker(&["run", "--rm", "--network", "none", &reference]), built.prints);
    dockerd().docker(&["image", "rm", "--force", &reference]);
    dockerd().docker(&["stop", &container.id]);
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "0", "SIGTERM ends it in order");
}

/// The stage that builds from the source cannot run here, without the image of a toolchain: it must say what README says.
#[test]
fn the_source_is_built_as_readme_builds_it() {
    let read = |path: &str| fs::read_to_string(format!("{SOURCE}/{path}")).unwrap();
    let dockerfile = fs::read_to_string(deploy("Dockerfile")).unwrap();
    let (readme, manifest) = (read("README.md"), read("Cargo.toml"));
    let command = readme.lines().find(|line| line.starts_with("RUSTFLAGS=") && line.contains("cargo build"));
    let (command, _) = command.unwrap().split_once(" --target ").unwrap();
    assert!(dockerfile.contains(command), "{command}");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let base = format!("FROM rust:{}-slim-bookworm", version.trim_matches('"'));
    assert!(dockerfile.contains(&base), "{base}");
}
