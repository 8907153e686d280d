//! The store's own settings, heeded by the real program.

use std::fs;
use std::path::Path;

use crate::refused::assert_says;
use crate::rig::layout::{Layer, Layout};
use crate::rig::store::Store;

/// Writes what the store says of itself.
pub(crate) fn say(store: &Store, settings: &str) {
    let Store::Directory(root) = store else { unreachable!("only a directory is written by hand") };
    fs::create_dir_all(root.path().join("static-registry")).unwrap();
    fs::write(root.path().join("static-registry/settings.json"), settings).unwrap();
}

fn source(place: &Path, text: &[u8]) {
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", text)])]);
    layout.list(&image, "1.0");
    layout.write_dir(place);
}

#[test]
fn nobody_turns_v1_on_where_the_store_has_it_off() {
    let (store, place) = (Store::directory(), tempfile::tempdir().unwrap());
    source(place.path(), b"1");
    say(&store, r#"{"v1":false}"#);
    let file = place.path().join("settings.toml");
    fs::write(&file, "v1 = true").unwrap();
    let arguments =
        ["publish", place.path().to_str().unwrap(), "acme/app:1.0", "--to", &store.argument(), "--settings"];
    let run = store.publisher(&[&arguments[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let objects = store.objects();
    assert!(
        objects.keys().all(|key| !key.starts_with("images/") && !key.starts_with("repositories/")),
        "{objects:?}"
    );
}

#[test]
fn what_a_newer_version_says_ends_every_command() {
    let (store, place) = (Store::directory(), tempfile::tempdir().unwrap());
    source(place.path(), b"1");
    store.publish(place.path(), &["acme/app:1.0"]);
    say(&store, r#"{"quota":"1T"}"#);
    let before = store.objects();
    let (at, from) = (store.argument(), place.path().to_str().unwrap());
    for arguments in [
        &["publish", from, "acme/app:2.0", "--to", &at][..],
        &["remove", "acme/app:1.0", "--from", &at],
        &["tag", "acme/app:1.0", "acme/app:2.0", "--in", &at],
        &["relist", &at],
    ] {
        assert_says(
            &store.publisher(arguments),
            1,
            &["settings.json", "`quota`", "newer registry-publisher"],
        );
    }
    assert_eq!(store.objects(), before);
}
