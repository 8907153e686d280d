//! Images of many platforms, artifacts and uncommon media, from OCI layouts, kept byte for byte.

use std::fs;

use serde_json::json;

use crate::rig::http::{self, Answer};
use crate::rig::layout::{
    DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, Layer, Layout, OCI_INDEX, sha256, sha512,
};
use crate::rig::ours::Endpoint;
use crate::rig::skopeo::{copy, inspect};
use crate::rig::store::Store;

/// Two platforms, each with layers of its own, and an image index within the image index.
fn two_platforms() -> (Layout, String) {
    let mut layout = Layout::default();
    let amd64 =
        layout.image("linux/amd64", &[Layer::gzip(&[("a", b"amd64")]), Layer::zstd(&[("z", b"zstd")])]);
    let arm64 = layout.image("linux/arm64", &[Layer::gzip(&[("a", b"arm64")])]);
    let inner = layout.index(&[arm64]);
    let outer = layout.index(&[amd64, inner]);
    layout.list(&outer, "1.0");
    (layout, outer["digest"].as_str().unwrap().to_owned())
}

/// Every blob that went in comes out of the endpoint as it was, manifests under their digest with their type.
fn assert_serves(endpoint: &Endpoint, repository: &str, layout: &Layout) {
    for (digest, bytes) in &layout.blobs {
        let blob = http::get(&endpoint.url(&format!("/v2/{repository}/blobs/{digest}")));
        assert!(blob.status == 200 && blob.body == *bytes, "blob {digest}: {} {}", blob.status, blob.text());
        let media = serde_json::from_slice::<serde_json::Value>(bytes).ok();
        let Some(media) = media.as_ref().and_then(|document| document["mediaType"].as_str()) else {
            continue;
        };
        let manifest = http::get(&endpoint.url(&format!("/v2/{repository}/manifests/{digest}")));
        assert!(manifest.body == *bytes, "manifest {digest}: {}", manifest.status);
        assert_eq!(manifest.header("content-type"), media);
    }
}

#[test]
fn nested_index_is_served_as_it_was() {
    let (layout, digest) = two_platforms();
    for (kind, store) in [("dir", Store::directory()), ("tar", Store::bucket())] {
        let place = tempfile::tempdir().unwrap();
        let source = place.path().join("layout");
        match kind {
            "dir" => layout.write_dir(&source),
            _ => fs::write(&source, layout.to_tar()).unwrap(),
        }
        assert_eq!(store.publish(&source, &["acme/multi:1.0"]), format!("acme/multi:1.0@{digest}\n"));
        let endpoint = store.endpoint();
        assert_serves(&endpoint, "acme/multi", &layout);
        let top = http::get(&endpoint.url("/v2/acme/multi/manifests/1.0"));
        assert_eq!((sha256(&top.body), top.header("content-type")), (digest.clone(), OCI_INDEX));
    }
}

#[test]
fn whole_archive_may_be_compressed() {
    let (layout, digest) = two_platforms();
    let tar = layout.to_tar();
    let mut gzip = flate2::read::GzEncoder::new(&*tar, flate2::Compression::fast());
    let mut gzipped = Vec::new();
    std::io::copy(&mut gzip, &mut gzipped).unwrap();
    for bytes in [gzipped, zstd::encode_all(&*tar, 3).unwrap()] {
        let (place, store) = (tempfile::tempdir().unwrap(), Store::directory());
        let source = place.path().join("layout.packed");
        fs::write(&source, bytes).unwrap();
        assert_eq!(store.publish(&source, &["acme/multi:1.0"]), format!("acme/multi:1.0@{digest}\n"));
    }
}

#[test]
fn skopeo_copies_every_platform() {
    // skopeo 1.9 knows no image index within an image index.
    let mut layout = Layout::default();
    let platforms = ["linux/amd64", "linux/arm64"];
    let images =
        platforms.map(|platform| layout.image(platform, &[Layer::gzip(&[("on", platform.as_bytes())])]));
    let index = layout.index(&images);
    layout.list(&index, "1.0");
    for store in [Store::bucket(), Store::directory()] {
        let source = tempfile::tempdir().unwrap();
        layout.write_dir(source.path());
        store.publish(source.path(), &["acme/multi:1.0"]);
        let endpoint = store.endpoint();
        let pulled = tempfile::tempdir().unwrap();
        let target = format!("oci:{}:1.0", pulled.path().display());
        copy(&["--all"], &format!("docker://{}/acme/multi:1.0", endpoint.host), &target);
        for (path, bytes) in layout.files() {
            if path.starts_with("blobs/") {
                assert_eq!(fs::read(pulled.path().join(&path)).unwrap(), bytes, "{path}");
            }
        }
    }
}

#[test]
fn docker_schema_2_keeps_its_bytes() {
    let mut layout = Layout::default();
    let image = layout.docker_image("linux/amd64", &[Layer::gzip(&[("a", b"docker")]).for_docker()]);
    let list = layout.manifest(&json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [image]}));
    for (tag, descriptor) in [("image", &image), ("list", &list)] {
        let mut layout = layout.clone();
        layout.list(descriptor, tag);
        if tag == "image" {
            layout.blobs.remove(list["digest"].as_str().unwrap());
        }
        let (source, store) = (tempfile::tempdir().unwrap(), Store::bucket());
        layout.write_dir(source.path());
        store.publish(source.path(), &[&format!("acme/docker:{tag}")]);
        let endpoint = store.endpoint();
        assert_serves(&endpoint, "acme/docker", &layout);
        let seen = inspect(&format!("{}/acme/docker:{tag}", endpoint.host));
        assert_eq!(seen.stdout.trim(), descriptor["digest"].as_str().unwrap(), "{}", seen.stderr);
    }
}

#[test]
fn foreign_layers_stay_where_they_are() {
    let mut layout = Layout::default();
    let config = layout.blob(DOCKER_CONFIG, br#"{"architecture": "amd64", "os": "windows"}"#.to_vec());
    let foreign = json!({"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "size": 5,
        "digest": sha256(b"there"), "urls": ["https://example.com/layer"]});
    let document =
        json!({"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [foreign]});
    let image = layout.manifest(&document);
    layout.list(&image, "1.0");
    let (source, store) = (tempfile::tempdir().unwrap(), Store::directory());
    layout.write_dir(source.path());
    let path = source.path().to_str().unwrap();
    let run = store.publisher(&["publish", path, "acme/windows:1.0", "--to", &store.argument()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("foreign"), "it is to say so: {}", run.stderr);
    assert_serves(&store.endpoint(), "acme/windows", &layout);
}

#[test]
fn artifact_is_found_by_its_subject() {
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"signed")])]);
    layout.list(&image, "1.0");
    let signature = layout.artifact("application/vnd.example.signature", Some(&image));
    layout.list(&signature, "signature");
    for store in [Store::bucket(), Store::directory()] {
        let (source, store_argument) = (tempfile::tempdir().unwrap(), store.argument());
        layout.write_dir(source.path());
        for tag in ["1.0", "signature"] {
            let path = source.path().to_str().unwrap();
            let reference = format!("acme/signed:{tag}");
            let run =
                store.publisher(&["publish", path, &reference, "--image", tag, "--to", &store_argument]);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
        }
        let endpoint = store.endpoint();
        assert_serves(&endpoint, "acme/signed", &layout);
        let of = |descriptor: &serde_json::Value| referrers(&endpoint, descriptor);
        let listed = of(&image);
        assert_eq!(listed.header("content-type"), OCI_INDEX);
        let listed = &listed.json()["manifests"];
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(listed[0]["digest"], signature["digest"]);
        assert_eq!(listed[0]["artifactType"], "application/vnd.example.signature");
        assert_eq!(of(&signature).json()["manifests"], json!([]));
    }
}

fn referrers(endpoint: &Endpoint, descriptor: &serde_json::Value) -> Answer {
    let digest = descriptor["digest"].as_str().unwrap();
    http::get(&endpoint.url(&format!("/v2/acme/signed/referrers/{digest}")))
}

#[test]
fn sha512_is_served_under_both_digests() {
    let mut layout = Layout::default();
    let layer = Layer::gzip(&[("a", b"long digest")]);
    let config = json!({"architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]}});
    let config = layout.blob("application/vnd.oci.image.config.v1+json", config.to_string().into_bytes());
    let layer = layout.blob_as(sha512(&layer.bytes), layer.media, layer.bytes.clone());
    let media = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": media, "config": config, "layers": [layer]});
    let manifest = manifest.to_string().into_bytes();
    let descriptor = layout.blob_as(sha512(&manifest), media, manifest.clone());
    layout.list(&descriptor, "1.0");

    let (source, store) = (tempfile::tempdir().unwrap(), Store::directory());
    layout.write_dir(source.path());
    let published = store.publish(source.path(), &["acme/long:1.0"]);
    assert_eq!(published, format!("acme/long:1.0@{}\n", sha512(&manifest)));
    let endpoint = store.endpoint();
    assert_serves(&endpoint, "acme/long", &layout);
    // Docker asks by the sha256 that it computes itself.
    let by_sha256 = http::get(&endpoint.url(&format!("/v2/acme/long/manifests/{}", sha256(&manifest))));
    assert_eq!((by_sha256.status, by_sha256.body), (200, manifest));
}

#[test]
fn absent_platforms_are_left_out_unless_strict() {
    let mut layout = Layout::default();
    let amd64 = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"here")])]);
    let arm64 = layout.image("linux/arm64", &[Layer::gzip(&[("a", b"elsewhere")])]);
    let index = layout.index(&[amd64.clone(), arm64.clone()]);
    layout.list(&index, "1.0");
    layout.blobs.remove(arm64["digest"].as_str().unwrap());

    let (source, store) = (tempfile::tempdir().unwrap(), Store::directory());
    layout.write_dir(source.path());
    let path = source.path().to_str().unwrap();
    let argument = store.argument();
    let strict = store.publisher(&["publish", path, "acme/part:1.0", "--strict", "--to", &argument]);
    assert_eq!(strict.code, Some(1), "{}", strict.stderr);
    assert!(strict.stderr.contains("linux/arm64"), "{}", strict.stderr);
    assert!(store.visible().is_empty(), "{:?}", store.visible());

    let run = store.publisher(&["publish", path, "acme/part:1.0", "--to", &argument]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("linux/arm64"), "it is to say which is missing: {}", run.stderr);
    assert_eq!(run.stdout, format!("acme/part:1.0@{}\n", amd64["digest"].as_str().unwrap()));
}
