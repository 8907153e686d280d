//! A tag's life after it was published, by the real program: back and forth, joined with others, let go, and copied.

use crate::rig::layout::{Layer, Layout};
use crate::rig::process::Run;
use crate::rig::skopeo::inspect;
use crate::rig::store::Store;

/// Publishes an image of one file for each platform and text under a tag of `acme/app`; gives their digests.
fn published(store: &Store, images: &[(&str, &str, &str)]) -> Vec<String> {
    let mut layout = Layout::default();
    let mut digests = Vec::new();
    for (tag, platform, text) in images {
        let image = layout.image(platform, &[Layer::gzip(&[("file", text.as_bytes())])]);
        layout.list(&image, text);
        let source = tempfile::tempdir().unwrap();
        layout.write_dir(source.path());
        let printed = {
            let (source, name) = (source.path().to_str().unwrap(), format!("acme/app:{tag}"));
            done(&store.publisher(&["publish", source, &name, "--to", &store.argument(), "--image", text]))
        };
        let digest = image["digest"].as_str().unwrap().to_owned();
        assert_eq!(printed, format!("acme/app:{tag}@{digest}\n"));
        digests.push(digest);
    }
    digests
}

#[track_caller]
fn done(run: &Run) -> String {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run.stdout.clone()
}

#[test]
fn a_tag_goes_back_to_where_it_was() {
    for store in [Store::directory(), Store::bucket()] {
        let place = store.argument();
        let digests = published(&store, &[("1", "linux/amd64", "old"), ("1", "linux/amd64", "new")]);
        let history = || {
            let text =
                done(&store.publisher(&["history", "acme/app:1", "--from", &place, "--format", "json"]));
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            document["history"].as_array().unwrap().clone()
        };
        let before = history();
        assert_eq!(before.len(), 2);
        assert!(before.iter().all(|past| past["moved"].as_str().unwrap().starts_with("20")), "{before:?}");
        assert_eq!(before[0]["digest"], *digests[1]);
        assert_eq!(before[0]["current"], true);

        let rollback =
            |more: &[&str]| store.publisher(&[&["rollback", "acme/app:1", "--in", &place], more].concat());
        assert_eq!(done(&rollback(&[])), format!("acme/app:1@{}\n", digests[0]));
        let endpoint = store.endpoint();
        let shown = || inspect(&format!("{}/acme/app:1", endpoint.host)).stdout.trim().to_owned();
        assert_eq!(shown(), digests[0]);
        assert_eq!(history()[0]["digest"], *digests[0]);
        let text = done(&store.publisher(&["history", "acme/app:1", "--from", &place]));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

        assert_eq!(done(&rollback(&[&digests[1][..19]])), format!("acme/app:1@{}\n", digests[1]));
        let never = rollback(&["sha256:0"]);
        assert_eq!(never.code, Some(1));
        assert!(never.stderr.contains("caused by: it has never pointed to `sha256:0`"), "{}", never.stderr);

        // What is gone, and what must not move.
        let tagged = format!("acme/app@{}", digests[0]);
        done(&store.publisher(&["remove", &tagged, "--from", &place]));
        let gone = rollback(&[]);
        assert_eq!(gone.code, Some(1));
        assert!(
            gone.stderr.contains(&format!("{}, where it pointed, is gone", digests[0])),
            "{}",
            gone.stderr
        );
        published(&store, &[("1", "linux/amd64", "newest")]);
        let settings = r#"{"immutable":["1"]}"#;
        if let Store::Directory(dir) = &store {
            std::fs::write(dir.path().join("static-registry/settings.json"), settings).unwrap();
            let fixed = rollback(&[&digests[1]]);
            assert_eq!(fixed.code, Some(1));
            assert!(fixed.stderr.contains("the tag acme/app:1 is immutable (1)"), "{}", fixed.stderr);
        }
    }
}
