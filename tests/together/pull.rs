//! The main job: a real engine builds and saves an image, we publish it, real clients pull it through the endpoint.

use crate::rig::built::Built;
use crate::rig::containerd::containerd;
use crate::rig::dockerd::dockerd;
use crate::rig::http;
use crate::rig::layout::sha256;
use crate::rig::podman::Podman;
use crate::rig::skopeo::{copy, skopeo};
use crate::rig::store::Store;

#[test]
fn docker_pulls_from_a_bucket() {
    docker_pulls_from(&Store::bucket(), "docker-bucket");
}

#[test]
fn docker_pulls_from_a_directory() {
    docker_pulls_from(&Store::directory(), "docker-directory");
}

fn docker_pulls_from(store: &Store, name: &str) {
    let built = Built::new(name);
    let published = store.publish(&built.archive(), &["acme/app:1.2", "acme/app"]);
    let digest = digest_of(&published, "acme/app:1.2");
    assert_eq!(published, format!("acme/app:1.2@{digest}\nacme/app:latest@{digest}\n"));

    let endpoint = store.endpoint();
    for reference in [":1.2", "", &format!("@{digest}")] {
        let image = format!("{}/acme/app{reference}", endpoint.host);
        assert!(!dockerd().has(&image), "{image} is to come from the endpoint");
        let pulled = dockerd().docker(&["pull", &image]);
        assert!(pulled.contains(&digest), "{pulled}");
        assert!(!pulled.contains("Already exists"), "every layer is to travel: {pulled}");
        assert_eq!(dockerd().docker(&["run", "--rm", "--network", "none", &image]), built.prints);
        dockerd().docker(&["image", "rm", "--force", &image]);
    }
}

#[test]
fn containerd_pulls() {
    let (store, built) = (Store::bucket(), Built::new("containerd"));
    let published = store.publish(&built.archive(), &["acme/app:1.2"]);
    let digest = digest_of(&published, "acme/app:1.2");

    let endpoint = store.endpoint();
    for reference in [":1.2", &format!("@{digest}")] {
        let image = format!("{}/acme/app{reference}", endpoint.host);
        let ctr = |arguments: &[&str]| containerd().ctr(arguments);
        ctr(&["images", "pull", "--plain-http", "--snapshotter", "native", &image]);
        assert!(ctr(&["images", "list"]).contains(&digest));
        assert_eq!(ctr(&["run", "--rm", "--snapshotter", "native", &image, "pulled"]), built.prints);
        ctr(&["images", "remove", "--sync", &image]);
    }
}

#[test]
fn podman_pulls() {
    let (store, built) = (Store::bucket(), Built::new("podman"));
    let published = store.publish(&built.archive(), &["acme/app:1.2"]);
    let digest = digest_of(&published, "acme/app:1.2");

    let endpoint = store.endpoint();
    for reference in [":1.2", &format!("@{digest}")] {
        let image = format!("{}/acme/app{reference}", endpoint.host);
        let podman = Podman::new();
        podman.pull(&image);
        assert_eq!(podman.run(&image), built.prints);
    }
}

#[test]
fn skopeo_pulls_what_was_published() {
    for store in [Store::bucket(), Store::directory()] {
        let built = Built::new("skopeo");
        let published = store.publish(&built.archive(), &["acme/app:1.2", "acme/app:edge"]);
        let digest = digest_of(&published, "acme/app:1.2");

        let endpoint = store.endpoint();
        for reference in [":1.2", &format!("@{digest}")] {
            let pulled = tempfile::tempdir().unwrap();
            let target = format!("dir:{}", pulled.path().display());
            copy(&[], &format!("docker://{}/acme/app{reference}", endpoint.host), &target);
            let manifest = std::fs::read(pulled.path().join("manifest.json")).unwrap();
            assert_eq!(sha256(&manifest), digest);
        }

        let tags =
            skopeo(&["list-tags", "--tls-verify=false", &format!("docker://{}/acme/app", endpoint.host)]);
        let tags: serde_json::Value = serde_json::from_str(&tags).unwrap();
        assert_eq!(tags["Tags"], serde_json::json!(["1.2", "edge"]));
    }
}

#[test]
fn one_hop_leads_to_every_kind_of_object() {
    let (store, built) = (Store::bucket(), Built::new("hops"));
    store.publish(&built.archive(), &["acme/app:1.2"]);
    let endpoint = store.endpoint();
    let manifest = http::get(&endpoint.url("/v2/acme/app/manifests/1.2"));
    assert_eq!(manifest.header("content-type"), "application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(manifest.header("content-encoding"), "");
    let document = manifest.json();
    for layer in document["layers"].as_array().unwrap().iter().chain([&document["config"]]) {
        let digest = layer["digest"].as_str().unwrap();
        let blob = http::get(&endpoint.url(&format!("/v2/acme/app/blobs/{digest}")));
        assert_eq!((blob.status, sha256(&blob.body).as_str()), (200, digest));
        assert_eq!(blob.header("cache-control"), "public, max-age=31536000, immutable, no-transform");
    }
    let digest = sha256(&manifest.body);
    for path in ["tags/list".to_owned(), format!("manifests/{digest}"), format!("referrers/{digest}")] {
        assert_eq!(http::get(&endpoint.url(&format!("/v2/acme/app/{path}"))).status, 200, "{path}");
    }
    let catalog = http::get(&endpoint.url("/v2/_catalog")).json();
    assert_eq!(catalog, serde_json::json!({"repositories": ["acme/app"]}));
}

/// The digest that the publisher printed for a reference: a line `acme/app:1.2@sha256:…`.
pub(crate) fn digest_of(published: &str, reference: &str) -> String {
    let line = published.lines().find_map(|line| line.strip_prefix(reference)?.strip_prefix('@'));
    line.unwrap_or_else(|| panic!("no line for {reference} in:\n{published}")).to_owned()
}
