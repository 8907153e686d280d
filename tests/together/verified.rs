//! What `verify` sees in real stores, and what it mends.

use crate::rig::layout::{Layer, Layout};
use crate::rig::store::Store;

fn published(store: &Store) -> String {
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"1")])]);
    let manifest = &layout.blobs[image["digest"].as_str().unwrap()];
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    layout.list(&image, "1.0");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());
    store.publish(source.path(), &["acme/app:1.0", "other:1"]);
    layer
}

const VIEW: &str = "docker/registry/v2/repositories/acme/app/_manifests/tags/1.0/current/manifest";
const TAGS: &str = "docker/registry/v2/repositories/acme/app/_manifests/tags.json";

#[test]
fn what_is_wrong_is_told_and_what_is_derived_is_made_anew() {
    for store in [Store::directory(), Store::bucket()] {
        published(&store);
        let place = store.argument();
        let whole = store.publisher(&["verify", &place, "--deep"]);
        assert_eq!((whole.code, &*whole.stdout), (Some(0), ""), "{}", whole.stderr);
        assert!(
            whole.stderr.contains("2 repositories") && whole.stderr.contains("0 problems"),
            "{}",
            whole.stderr
        );

        let (view, before) = (store.read(VIEW), store.objects());
        store.overwrite(VIEW, &view);
        store.overwrite(TAGS, b"{");
        let wrong = store.publisher(&["verify", &place, "acme/app"]);
        assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
        assert!(wrong.stdout.contains(&format!("problem: {TAGS} does not agree")), "{}", wrong.stdout);
        // A directory keeps no headers.
        let is_bucket = matches!(store, Store::Bucket(_));
        assert_eq!(
            wrong.stdout.contains(&format!("problem: {VIEW} is sent with the Content-Type")),
            is_bucket
        );
        assert_eq!(store.publisher(&["verify", &place, "other"]).code, Some(0));

        let absent = store.publisher(&["verify", &place, "acme/absent"]);
        assert!(
            absent.code == Some(1) && absent.stderr.contains("acme/absent is not in the store"),
            "{}",
            absent.stderr
        );

        let mended = store.publisher(&["verify", &place, "--repair"]);
        assert_eq!((mended.code, &*mended.stdout), (Some(0), ""), "{}", mended.stderr);
        assert_eq!(store.objects(), before);
    }
}

#[test]
fn what_was_read_is_read_again_only_where_it_was_written_since() {
    for store in [Store::directory(), Store::bucket()] {
        let layer = published(&store);
        let place = store.argument();
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let resume = || store.publisher(&["verify", &place, "--deep", "--resume", state.to_str().unwrap()]);
        assert!(!resume().stderr.contains("of them before"));
        let again = resume();
        assert!(again.code == Some(0) && again.stderr.contains("(0 B read, "), "{}", again.stderr);

        let hex = layer.strip_prefix("sha256:").unwrap();
        let key = format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        let mut bytes = store.read(&key);
        bytes[0] ^= 1;
        store.overwrite(&key, &bytes);
        let run = store.publisher(&["--format", "json", "verify", &place]);
        assert_eq!(run.code, Some(0), "of its size: {}", run.stdout);
        // It was written since it was read.
        assert!(resume().stdout.contains("holds other bytes"));
        let run = store.publisher(&["--format", "json", "verify", &place, "--deep", "--repair"]);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let damaged =
            document["findings"].as_array().unwrap().iter().find(|it| it["notice"] == false).unwrap();
        assert_eq!(damaged["object"], key, "{document}");
        assert!(damaged["wrong"].as_str().unwrap().contains("other bytes"), "{damaged}");
        assert!(document["read"].as_u64().unwrap() > 0);
    }
}
