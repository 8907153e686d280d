//! Looking at a store and changing its names, by the real program.

use crate::rig::layout::{Layer, Layout};
use crate::rig::store::Store;

#[test]
fn list_inspect_tag_and_remove() {
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"1")])]);
    let digest = image["digest"].as_str().unwrap().to_owned();
    layout.list(&image, "1.0");
    let source = tempfile::tempdir().unwrap();
    layout.write_dir(source.path());

    for store in [Store::directory(), Store::bucket()] {
        let place = store.argument();
        store.publish(source.path(), &["acme/app:1.0"]);
        let run = |arguments: &[&str]| {
            let run = store.publisher(arguments);
            assert_eq!(run.code, Some(0), "{arguments:?}: {}", run.stderr);
            run.stdout
        };
        assert!(run(&["list", &place]).contains("acme/app"));
        let tags = run(&["list", &place, "acme/app"]);
        assert!(
            tags.contains("1.0") && tags.contains("linux/amd64") && tags.contains(&digest[..19]),
            "{tags}"
        );

        let named = run(&["--quiet", "tag", "acme/app:1.0", "acme/app:stable", "other:1", "--in", &place]);
        assert_eq!(named, format!("acme/app:stable@{digest}\nother:1@{digest}\n"));
        let text = run(&["inspect", "acme/app:stable", "--from", &place, "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["image"]["digest"], digest);
        assert_eq!(
            document["alsoInOtherRepositories"].as_object().unwrap().len(),
            2,
            "config and layer: {text}"
        );

        let gone = run(&["remove", &format!("acme/app@{digest}"), "--from", &place]);
        assert_eq!(gone, format!("acme/app:1.0\nacme/app:stable\nacme/app@{digest}\n"));
        let left = run(&["list", &place]);
        assert!(left.contains("other") && !left.contains("acme/app"), "{left}");

        let absent = store.publisher(&["remove", "acme/app:1.0", "--from", &place]);
        assert_eq!(absent.code, Some(1));
        assert!(absent.stderr.contains("error: acme/app:1.0 is not in the store"), "{}", absent.stderr);
        let unclear = store.publisher(&["remove", "other", "--from", &place]);
        assert_eq!(unclear.code, Some(2), "{}", unclear.stderr);
    }
}
