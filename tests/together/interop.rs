//! Beside CNCF `distribution`: it serves what we published, and we serve what it wrote.

use std::path::Path;

use ureq::http::Method;

use crate::pull::digest_of;
use crate::rig::built::Built;
use crate::rig::distribution::Distribution;
use crate::rig::dockerd::dockerd;
use crate::rig::http;
use crate::rig::layout::{Layer, Layout};
use crate::rig::ours::Endpoint;
use crate::rig::skopeo::{copy, inspect};
use crate::rig::store::Store;

fn directory(store: &Store) -> &Path {
    match store {
        Store::Directory(dir) => dir.path(),
        Store::Bucket(_) => panic!("distribution is opened on directories here"),
    }
}

#[test]
fn distribution_serves_what_we_published() {
    let (store, built) = (Store::directory(), Built::new("interop"));
    let published = store.publish(&built.archive(), &["acme/app:1.2"]);
    let digest = digest_of(&published, "acme/app:1.2");

    let distribution = Distribution::open(directory(&store));
    let image = format!("{}/acme/app:1.2", distribution.host);
    let seen = inspect(&image);
    assert_eq!(seen.stdout.trim(), digest, "{}", seen.stderr);
    let pulled = dockerd().docker(&["pull", &image]);
    assert!(!pulled.contains("Already exists"), "every layer is to travel: {pulled}");
    assert_eq!(dockerd().docker(&["run", "--rm", "--network", "none", &image]), built.prints);
    let tags = http::get(&distribution.url("/v2/acme/app/tags/list")).json();
    assert_eq!(tags, serde_json::json!({"name": "acme/app", "tags": ["1.2"]}));
    let catalog = http::get(&distribution.url("/v2/_catalog")).json();
    assert_eq!(catalog, serde_json::json!({"repositories": ["acme/app"]}));
}

/// Two images that skopeo pushed to a `distribution`, and the layout that they came from.
fn pushed_to(distribution: &Distribution) -> (Layout, [String; 2]) {
    let mut layout = Layout::default();
    let first = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"first")])]);
    let second = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"second")])]);
    layout.list(&first, "first");
    layout.list(&second, "second");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());
    for tag in ["first", "second"] {
        let from = format!("oci:{}:{tag}", source.path().display());
        copy(&[], &from, &format!("docker://{}/acme/app:{tag}", distribution.host));
    }
    (layout, [first, second].map(|descriptor| descriptor["digest"].as_str().unwrap().to_owned()))
}

fn tags(endpoint: &Endpoint) -> serde_json::Value {
    http::get(&endpoint.url("/v2/acme/app/tags/list")).json()["tags"].clone()
}

#[test]
fn we_serve_what_distribution_wrote_and_forget_what_it_deleted() {
    let store = Store::directory();
    let distribution = Distribution::open(directory(&store));
    let (layout, [first, second]) = pushed_to(&distribution);
    let endpoint = store.endpoint();
    assert_eq!(
        http::get(&endpoint.url("/v2/acme/app/manifests/first")).status,
        404,
        "nothing is derived yet"
    );

    store.relist();
    assert_eq!(tags(&endpoint), serde_json::json!(["first", "second"]));
    for (tag, digest) in [("first", &first), ("second", &second)] {
        for reference in [tag, digest] {
            let manifest = http::get(&endpoint.url(&format!("/v2/acme/app/manifests/{reference}")));
            assert_eq!(manifest.body, layout.blobs[digest], "{reference}");
        }
        let seen = inspect(&format!("{}/acme/app:{tag}", endpoint.host));
        assert_eq!(seen.stdout.trim(), digest, "{}", seen.stderr);
    }

    let deleted =
        http::send(&Method::DELETE, &distribution.url(&format!("/v2/acme/app/manifests/{first}")), &[])
            .unwrap();
    assert_eq!(deleted.status, 202, "{}", deleted.text());
    store.relist();
    assert_eq!(tags(&endpoint), serde_json::json!(["second"]));
    for gone in ["first", &first] {
        assert_eq!(http::get(&endpoint.url(&format!("/v2/acme/app/manifests/{gone}"))).status, 404, "{gone}");
    }
    assert_eq!(http::get(&endpoint.url(&format!("/v2/acme/app/manifests/{second}"))).status, 200);
}

#[test]
fn publishing_beside_distribution_keeps_its_tags() {
    let store = Store::directory();
    pushed_to(&Distribution::open(directory(&store)));
    let mut layout = Layout::default();
    let third = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"third")])]);
    layout.list(&third, "third");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());
    store.publish(source.path(), &["acme/app:third"]);
    store.relist();
    assert_eq!(tags(&store.endpoint()), serde_json::json!(["first", "second", "third"]));

    // A fresh process: distribution remembers descriptors that it has seen.
    let distribution = Distribution::open(directory(&store));
    let seen = inspect(&format!("{}/acme/app:third", distribution.host));
    assert_eq!(seen.stdout.trim(), third["digest"].as_str().unwrap(), "{}", seen.stderr);
}
