//! Images from other registries: what skopeo pushed to a real `distribution`, published into a store of ours.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::http::Method;

use crate::pull::digest_of;
use crate::refused::assert_says;
use crate::rig::distribution::Distribution;
use crate::rig::http;
use crate::rig::layout::{DOCKER_MANIFEST, Layer, Layout, sha256};
use crate::rig::ours::{Endpoint, publisher_command};
use crate::rig::process::{Component, Run, bare, free_port, run};
use crate::rig::random::Random;
use crate::rig::skopeo::copy;
use crate::rig::store::Store;

mod broken;
mod certificates;
mod credentials;

/// An image index of two platforms, and an image of Docker's kind with a layer that is no small one.
pub(crate) struct Images {
    pub(crate) layout: Layout,
    pub(crate) index: Value,
    pub(crate) docker: Value,
    folder: TempDir,
}

impl Images {
    pub(crate) fn new() -> Self {
        let (mut layout, folder) = (Layout::default(), tempfile::tempdir().unwrap());
        let base = Random::seeded(5).bytes(3 << 20);
        let base = || Layer::gzip(&[("base", &base)]);
        let arms = ["linux/amd64", "linux/arm64"]
            .map(|platform| layout.image(platform, &[base(), Layer::gzip(&[("a", platform.as_bytes())])]));
        let index = layout.index(&arms);
        let docker = layout.image("linux/amd64", &[base()]);
        layout.list(&index, "index");
        layout.list(&docker, "docker");
        layout.write_dir(folder.path());
        Self { layout, index, docker, folder }
    }

    /// Pushes one of the two by skopeo.
    #[track_caller]
    pub(crate) fn push(&self, which: &str, to: &str, options: &[&str]) {
        let from = format!("oci:{}:{which}", self.folder.path().display());
        copy(&[&["--all"], options].concat(), &from, &format!("docker://{to}"));
    }

    /// Takes the manifest of Docker's kind that skopeo made on the way.
    fn learn(&mut self, registry: &Distribution) {
        let accept = [("accept", DOCKER_MANIFEST)];
        let made = http::send(&Method::GET, &registry.url("/v2/acme/app/manifests/docker"), &accept).unwrap();
        assert_eq!(made.header("content-type"), DOCKER_MANIFEST);
        self.docker = json!({"digest": sha256(&made.body)});
        self.layout.blobs.insert(sha256(&made.body), made.body);
    }
}

/// A `distribution` with `acme/app:index` and `acme/app:docker`, on a folder of its own.
pub(crate) fn filled(images: &mut Images) -> (TempDir, Distribution) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::open(folder.path());
    images.push("index", &format!("{}/acme/app:index", registry.host), &[]);
    images.push("docker", &format!("{}/acme/app:docker", registry.host), &["--format", "v2s2"]);
    images.learn(&registry);
    (folder, registry)
}

/// The command that publishes from a registry, for a test to set more.
pub(crate) fn publishing(source: &str, reference: &str, store: &Store) -> Command {
    let mut command = publisher_command();
    command.args(["publish", &format!("docker://{source}"), reference, "--to", &store.argument()]);
    command
}

fn published(source: &str, reference: &str, store: &Store) -> Run {
    run(&mut publishing(source, reference, store))
}

/// Every blob of an image is served as it was pushed.
#[track_caller]
pub(crate) fn assert_served(endpoint: &Endpoint, images: &Images, reference: &str, root: &Value) {
    let get = |path: &str| http::get(&endpoint.url(&format!("/v2/acme/mine/{path}"))).body;
    let digest = root["digest"].as_str().unwrap();
    let bytes = get(&format!("manifests/{reference}"));
    assert_eq!(bytes, images.layout.blobs[digest], "{reference}");
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    for child in manifest["manifests"].as_array().unwrap_or(&Vec::new()) {
        assert_served(endpoint, images, child["digest"].as_str().unwrap(), child);
    }
    for blob in manifest["layers"].as_array().unwrap_or(&Vec::new()).iter().chain(manifest.get("config")) {
        let digest = blob["digest"].as_str().unwrap();
        assert_eq!(get(&format!("blobs/{digest}")), images.layout.blobs[digest], "{digest}");
    }
}

#[test]
fn tags_and_digests_are_published_as_they_are() {
    let (mut images, store) = (Images::new(), Store::directory());
    let (_folder, registry) = filled(&mut images);
    for (which, root) in [("index", &images.index), ("docker", &images.docker)] {
        let digest = root["digest"].as_str().unwrap();
        let host = &registry.host;
        for source in [format!("{host}/acme/app:{which}"), format!("{host}/acme/app@{digest}")] {
            let run = published(&source, "acme/mine:1", &store);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            assert_eq!(digest_of(&run.stdout, "acme/mine:1"), digest);
        }
        assert_served(&store.endpoint(), &images, "1", root);
    }
}

#[test]
fn our_own_registry_is_a_source_too() {
    let mut images = Images::new();
    let (_folder, registry) = filled(&mut images);
    let source = Store::bucket();
    let run = published(&format!("{}/acme/app:index", registry.host), "acme/app:1", &source);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    drop(registry);
    // Without `Docker-Content-Digest`, by redirects to another server; and with it.
    for endpoint in [source.endpoint(), source.endpoint_serving(&[])] {
        let store = Store::directory();
        let run = published(&format!("{}/acme/app:1", endpoint.host), "acme/mine:1", &store);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        // The base that both images share once, and manifests beside what is sent.
        assert!(run.stderr.contains("read 3.17 MiB, sent 5 blobs (3.16 MiB)"), "{}", run.stderr);
        assert_served(&store.endpoint(), &images, "1", &images.index);
    }
}

#[test]
fn what_cannot_be_had_is_said() {
    let (mut images, store) = (Images::new(), Store::directory());
    let (folder, registry) = filled(&mut images);
    let host = &registry.host;
    let says = |source: &str, code, words: &[&str]| {
        assert_says(&published(source, "acme/mine:1", &store), code, words);
        assert!(store.visible().is_empty(), "{:?}", store.visible());
    };
    says(&format!("{host}/acme/app:none"), 1, &["acme/app:none is not there", "check repository and tag"]);
    says(&format!("{host}/acme/none"), 1, &["acme/none:latest is not there"]);
    says(&format!("{host}/acme/APP"), 2, &["names no image", "`APP`", "write docker://HOST"]);
    says("127.0.0.1:9/acme/app", 1, &["127.0.0.1:9 is out of reach", "refused"]);

    // Other bytes than the registry says.
    let digest = images.docker["digest"].as_str().unwrap();
    let layer = images.layout.blobs[digest].clone();
    let layer = serde_json::from_slice::<Value>(&layer).unwrap()["layers"][0]["digest"].as_str().unwrap()
        [7..]
        .to_owned();
    let data =
        folder.path().join("docker/registry/v2/blobs/sha256").join(&layer[..2]).join(&layer).join("data");
    let mut bytes = fs::read(&data).unwrap();
    bytes[1 << 20] ^= 1;
    fs::write(&data, bytes).unwrap();
    let run = published(&format!("{host}/acme/app:docker"), "acme/mine:1", &store);
    assert_says(&run, 1, &["other bytes", &layer]);
    store.assert_blobs_are_true();
}

#[test]
fn a_dry_run_writes_nothing_and_json_names_all() {
    let (mut images, store) = (Images::new(), Store::directory());
    let (_folder, registry) = filled(&mut images);
    let source = format!("{}/acme/app:index", registry.host);
    let dry = run(publishing(&source, "acme/mine:1", &store).arg("--dry-run"));
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stdout.contains("tags/1/current/link") && store.objects().is_empty(), "{}", dry.stdout);
    let done = run(publishing(&source, "acme/mine:1", &store).args(["--format", "json"]));
    let told: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&told["digest"], told["manifests"].as_array().unwrap().len()), (&images.index["digest"], 3));
    assert_eq!(told["missing"], json!([]));
    let blobs = told["blobs"].as_array().unwrap().iter().chain(told["manifests"].as_array().unwrap());
    let all: u64 = blobs.map(|blob| blob["size"].as_u64().unwrap()).sum();
    assert_eq!(told["bytesRead"], all, "each once");
}

/// No registry of today takes such a manifest: any web server is one that has it.
#[test]
fn manifests_of_before_2016_are_refused() {
    let (files, store) = (tempfile::tempdir().unwrap(), Store::directory());
    let folder = files.path().join("v2/acme/app/manifests");
    fs::create_dir_all(&folder).unwrap();
    let old = json!({"schemaVersion": 1, "name": "acme/app", "tag": "old", "fsLayers": [], "history": []});
    fs::write(folder.join("old"), old.to_string()).unwrap();
    let port = free_port().to_string();
    let server = Component::start("web", |_| {
        let mut command = bare("python3");
        command.args(["-m", "http.server", &port, "--bind", "127.0.0.1", "--directory"]).arg(files.path());
        command
    });
    let host = format!("127.0.0.1:{port}");
    server.wait(|| http::answers(&format!("http://{host}/")));
    let run = published(&format!("{host}/acme/app:old"), "acme/mine:1", &store);
    assert_says(&run, 1, &["acme/app:old cannot be published", "Docker schema 1"]);
}
