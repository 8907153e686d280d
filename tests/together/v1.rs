//! The v1 tree, walked by a client of the tests' own from the first request to the last byte of every layer.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::old_docker::{EVERY, OldDocker, Pulled};
use crate::rig::archive::Archive;
use crate::rig::layout::{Layer, Layout, tar};
use crate::rig::ours::Endpoint;
use crate::rig::process::Run;
use crate::rig::random::Random;
use crate::rig::store::Store;

/// Three plain layers, base first.
fn plain_layers() -> Vec<Vec<u8>> {
    [("base", "one"), ("middle", "two"), ("top", "three")]
        .map(|(path, text)| tar(&[(path, text.repeat(1000).as_bytes())]))
        .to_vec()
}

/// Publishes a docker archive of `layers` under `reference`.
fn publish_archive(store: &Store, reference: &str, layers: &[Vec<u8>]) {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("saved.tar");
    fs::write(&source, Archive::default().image(&["acme/app:1.2"], layers).to_tar()).unwrap();
    store.publish(&source, &[reference]);
}

fn publish_layout(store: &Store, reference: &str, layout: &Layout) {
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());
    store.publish(source.path(), &[reference]);
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

/// Each image's `json` names itself and the one below; the root names none.
#[track_caller]
fn assert_chain(pulled: &[Pulled]) {
    let mut below = Value::Null;
    for image in pulled {
        assert_eq!((&image.json["id"], &image.json["parent"]), (&Value::from(image.id.clone()), &below));
        below = image.json["id"].clone();
    }
    assert!(pulled[0].json.get("parent").is_none(), "the root is to have no parent at all, not even null");
}

#[track_caller]
fn pull(client: OldDocker, endpoint: &Endpoint, repository: &str, tag: &str) -> Vec<Pulled> {
    let pulled = client.pull(&endpoint.host, repository, tag);
    let pulled = pulled.unwrap_or_else(|error| panic!("{client:?}: {error}"));
    assert_chain(&pulled);
    pulled
}

#[test]
fn old_docker_gets_every_byte_of_an_archive() {
    for store in [Store::bucket(), Store::directory()] {
        let layers = plain_layers();
        publish_archive(&store, "acme/app:1.2", &layers);
        let endpoint = store.endpoint();
        for client in EVERY {
            let pulled = pull(client, &endpoint, "acme/app", "1.2");
            let plain: Vec<Vec<u8>> = pulled.iter().map(|image| gunzip(&image.layer)).collect();
            assert!(plain == layers, "{client:?} got other bytes");
            let settings = &pulled.last().unwrap().json["config"];
            assert_eq!(settings["Cmd"], serde_json::json!(["/greet"]));
        }
    }
}

#[test]
fn one_segment_is_library() {
    let store = Store::directory();
    publish_archive(&store, "app:1.2", &plain_layers());
    let endpoint = store.endpoint();
    for client in EVERY {
        assert_eq!(pull(client, &endpoint, "app", "1.2").len(), 3, "{client:?}");
    }
}

#[test]
fn layers_of_a_layout_travel_as_they_are() {
    let store = Store::bucket();
    let mut layout = Layout::default();
    let layers = [Layer::gzip(&[("a", b"base")]), Layer::gzip(&[("b", b"top")])];
    let image = layout.image("linux/amd64", &layers);
    layout.list(&image, "1.0");
    publish_layout(&store, "acme/app:1.0", &layout);
    let endpoint = store.endpoint();
    for client in EVERY {
        let pulled = pull(client, &endpoint, "acme/app", "1.0");
        assert!(
            pulled.iter().map(|image| &image.layer).eq(layers.iter().map(|layer| &layer.bytes)),
            "{client:?}"
        );
    }
}

#[test]
fn same_image_has_the_same_ids() {
    let ids = |store: Store| {
        publish_archive(&store, "acme/app:1.2", &plain_layers());
        let pulled = pull(OldDocker::V1_9, &store.endpoint(), "acme/app", "1.2");
        pulled.into_iter().map(|image| image.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Store::directory()), ids(Store::bucket()));
}

#[test]
fn index_shows_its_linux_amd64() {
    let store = Store::directory();
    let mut layout = Layout::default();
    let layers = ["linux/arm64", "linux/amd64"].map(|platform| Layer::gzip(&[("on", platform.as_bytes())]));
    let [arm64, amd64] = layers;
    let amd64_bytes = amd64.bytes.clone();
    let images = [layout.image("linux/arm64", &[arm64]), layout.image("linux/amd64", &[amd64])];
    let index = layout.index(&images);
    layout.list(&index, "1.0");
    publish_layout(&store, "acme/app:1.0", &layout);
    for client in EVERY {
        let pulled = pull(client, &store.endpoint(), "acme/app", "1.0");
        assert!(pulled.len() == 1 && pulled[0].layer == amd64_bytes, "{client:?}");
    }
}

#[test]
fn tag_moved_to_an_image_that_v1_cannot_hold_leaves_v1() {
    for store in [Store::bucket(), Store::directory()] {
        publish_archive(&store, "acme/app:1.2", &plain_layers());
        publish_archive(&store, "acme/app:old", &plain_layers());
        let endpoint = store.endpoint();
        let mut layout = Layout::default();
        let image = layout.image("linux/amd64", &[Layer::zstd(&[("a", b"zstd")])]);
        layout.list(&image, "1.2");
        publish_layout(&store, "acme/app:1.2", &layout);
        for client in EVERY {
            let refused = client.pull(&endpoint.host, "acme/app", "1.2");
            assert!(refused.is_err(), "{client:?} got an image that the tag no longer names");
            pull(client, &endpoint, "acme/app", "old");
        }
    }
}

/// Publishes, with more flags.
#[track_caller]
fn publish_with(store: &Store, source: &Path, reference: &str, flags: &[&str]) -> Run {
    let (source, to) = (source.to_str().unwrap(), store.argument());
    let run = store.publisher(&[&["publish", source, reference, "--to", &to], flags].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

#[test]
fn old_docker_gets_every_byte_of_zstd_layers_where_v1_keeps_gzip() {
    let layers = plain_layers();
    // Of a size that is spooled.
    let random = Random::seeded(7).bytes(5 << 20);
    let large = tar(&[("large", &random)]);
    for store in [Store::bucket(), Store::directory()] {
        let place = tempfile::tempdir().unwrap();
        let saved = place.path().join("saved.tar");
        let archived = [layers.clone(), vec![large.clone()]].concat();
        fs::write(&saved, Archive::default().image(&["acme/app:1.2"], &archived).to_tar()).unwrap();
        let skipped = publish_with(&store, &saved, "acme/app:1.2", &["--compression", "zstd"]);
        assert!(skipped.stderr.contains("--v1-gzip"), "{}", skipped.stderr);
        let flags = ["--compression", "zstd", "--v1-gzip"];
        publish_with(&store, &saved, "acme/app:1.2", &flags);

        let mut layout = Layout::default();
        let image =
            layout.image("linux/amd64", &[Layer::gzip(&[("a", b"base")]), Layer::zstd(&[("b", b"top")])]);
        layout.list(&image, "1.0");
        let folder = place.path().join("layout");
        fs::create_dir(&folder).unwrap();
        layout.write_dir(&folder);
        publish_with(&store, &folder, "acme/app:1.0", &["--v1-gzip"]);

        let endpoint = store.endpoint();
        let mixed = vec![tar(&[("a", b"base")]), tar(&[("b", b"top")])];
        for client in EVERY {
            for (tag, expected) in [("1.2", &archived), ("1.0", &mixed)] {
                let pulled = pull(client, &endpoint, "acme/app", tag);
                let plain: Vec<Vec<u8>> = pulled.iter().map(|image| gunzip(&image.layer)).collect();
                assert!(plain == *expected, "{client:?} got other bytes of {tag}");
            }
        }
        let before = store.objects();
        publish_with(&store, &saved, "acme/app:1.2", &flags);
        publish_with(&store, &folder, "acme/app:1.0", &["--v1-gzip"]);
        assert!(store.objects() == before, "what is there is written once more");
        let verified = store.publisher(&["verify", &store.argument(), "--deep"]);
        assert_eq!((verified.code, verified.stdout.as_str()), (Some(0), ""), "{}", verified.stderr);
    }
}

#[test]
fn no_v1_writes_no_v1() {
    let store = Store::directory();
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("saved.tar");
    fs::write(&source, Archive::default().image(&["acme/app:1.2"], &plain_layers()).to_tar()).unwrap();
    let path = source.to_str().unwrap();
    let run = store.publisher(&["publish", path, "acme/app:1.2", "--no-v1", "--to", &store.argument()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let of_v1 = |key: &&String| key.starts_with("images/") || key.starts_with("repositories/");
    let objects = store.objects();
    assert_eq!(objects.keys().filter(of_v1).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(OldDocker::V1_0.pull(&store.endpoint().host, "acme/app", "1.2").is_err());
}
