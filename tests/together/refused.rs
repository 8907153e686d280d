//! Input that is wrong: a clear message, the right exit code, and a store that nobody sees change.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::rig::archive::Archive;
use crate::rig::layout::{Layer, Layout, sha256, tar};
use crate::rig::process::Run;
use crate::rig::store::Store;

/// A store with an image in it, and a place for the source that is to be refused.
struct Case {
    store: Store,
    place: TempDir,
}

impl Case {
    fn new() -> Self {
        let case = Self { store: Store::directory(), place: tempfile::tempdir().unwrap() };
        let good =
            case.file(&Archive::default().image(&["acme/app:1.2"], &[tar(&[("a", b"good")])]).to_tar());
        case.store.publish(&good, &["acme/app:1.2"]);
        case
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.place.path().join("source");
        fs::write(&path, bytes).unwrap();
        path
    }

    fn layout(&self, layout: &Layout) -> PathBuf {
        let path = self.place.path().join("layout");
        layout.write_dir(&path);
        path
    }

    /// Publishing ends with `code`, says each of `says` (in any case), and changes nothing that anybody sees.
    #[track_caller]
    fn refuses(&self, source: &Path, reference: &str, code: i32, says: &[&str]) {
        let before = self.store.visible();
        let source = source.to_str().unwrap();
        let run = self.store.publisher(&["publish", source, reference, "--to", &self.store.argument()]);
        assert_says(&run, code, says);
        assert_eq!(self.store.visible(), before, "{}", run.stderr);
        self.store.assert_blobs_are_true();
    }
}

/// The one face of every failure: exit code, `error:` first, nothing on stdout, and the named thing.
#[track_caller]
pub(crate) fn assert_says(run: &Run, code: i32, says: &[&str]) {
    assert_eq!(run.code, Some(code), "{run:?}");
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("error: "), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    for word in says {
        assert!(run.stderr.to_lowercase().contains(&word.to_lowercase()), "no {word:?} in:\n{}", run.stderr);
    }
}

#[test]
fn source_that_is_not_there() {
    let case = Case::new();
    case.refuses(&case.place.path().join("absent.tar"), "acme/app:1.2", 1, &["absent.tar"]);
}

#[test]
fn source_that_is_no_archive() {
    let case = Case::new();
    case.refuses(&case.file(&b"just some words\n".repeat(100)), "acme/app:1.2", 1, &["source", "archive"]);
    case.refuses(&case.file(&tar(&[("readme", b"a tar, but of no image")])), "acme/app:1.2", 1, &["source"]);
}

#[test]
fn source_that_is_empty() {
    let case = Case::new();
    case.refuses(&case.file(b""), "acme/app:1.2", 1, &["source", "empty"]);
}

#[test]
fn directory_that_is_no_layout() {
    let case = Case::new();
    let folder = case.place.path().join("folder");
    fs::create_dir(&folder).unwrap();
    case.refuses(&folder, "acme/app:1.2", 1, &["folder"]);
}

#[test]
fn truncated_archive() {
    let case = Case::new();
    let whole = Archive::default().image(&["acme/app:1.2"], &[tar(&[("a", &[7; 100_000])])]).to_tar();
    for length in [100, 10_000, whole.len() / 2] {
        case.refuses(&case.file(&whole[..length]), "acme/app:1.2", 1, &["source"]);
    }
    let packed = zstd::encode_all(&*whole, 3).unwrap();
    case.refuses(&case.file(&packed[..packed.len() / 2]), "acme/app:1.2", 1, &["source"]);
}

#[test]
fn blob_that_does_not_match_its_digest() {
    let case = Case::new();
    let mut layout = Layout::default();
    let layer = Layer::gzip(&[("a", b"as promised")]);
    let digest = sha256(&layer.bytes);
    let image = layout.image("linux/amd64", &[layer]);
    layout.list(&image, "1.2");
    for (wrong, bytes) in [("same size", flipped(&layout.blobs[&digest])), ("shorter", b"short".to_vec())] {
        let mut layout = layout.clone();
        layout.blobs.insert(digest.clone(), bytes);
        println!("{wrong}");
        case.refuses(&case.layout(&layout), "acme/app:1.2", 1, &[&digest]);
        case.refuses(&case.file(&layout.to_tar()), "acme/app:1.2", 1, &[&digest]);
    }
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn manifest_that_does_not_match_its_digest() {
    let case = Case::new();
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&[("a", b"a")])]);
    layout.list(&image, "1.2");
    let digest = image["digest"].as_str().unwrap();
    let wrong = flipped(&layout.blobs[digest]);
    layout.blobs.insert(digest.to_owned(), wrong);
    case.refuses(&case.layout(&layout), "acme/app:1.2", 1, &[digest]);
}

#[test]
fn missing_layer() {
    let case = Case::new();
    let layer = tar(&[("a", b"gone")]);
    let path = format!("{}/layer.tar", &sha256(&layer)["sha256:".len()..]);
    let archive = Archive::default().image(&["acme/app:1.2"], &[layer]).without(&path);
    case.refuses(&case.file(&archive.to_tar()), "acme/app:1.2", 1, &[&path]);

    let mut layout = Layout::default();
    let layer = Layer::gzip(&[("a", b"gone")]);
    let digest = sha256(&layer.bytes);
    let image = layout.image("linux/amd64", &[layer]);
    layout.list(&image, "1.2");
    layout.blobs.remove(&digest);
    case.refuses(&case.layout(&layout), "acme/app:1.2", 1, &[&digest]);
}

#[test]
fn tar_whose_path_escapes() {
    let case = Case::new();
    let escaped = case.place.path().parent().unwrap().join("escaped");
    let archive = Archive::default().image(&["acme/app:1.2"], &[tar(&[("a", b"a")])]);
    for path in ["../escaped", "../../escaped", "a/../../escaped"] {
        let archive = Archive::default().image(&["acme/app:1.2"], &[tar(&[("a", b"a")])]);
        let bytes = archive.stray(path, b"out").to_tar();
        case.refuses(&case.file(&bytes), "acme/app:1.2", 1, &[path]);
    }
    let absolute = escaped.to_str().unwrap();
    case.refuses(&case.file(&archive.stray(absolute, b"out").to_tar()), "acme/app:1.2", 1, &[absolute]);
    assert!(!escaped.exists());
}

#[test]
fn manifest_json_that_points_outside() {
    let case = Case::new();
    let images =
        json!([{"Config": "../../etc/passwd", "RepoTags": ["acme/app:1.2"], "Layers": ["/etc/shadow"]}]);
    let bytes = tar(&[("manifest.json", images.to_string().as_bytes())]);
    case.refuses(&case.file(&bytes), "acme/app:1.2", 1, &["../../etc/passwd"]);
}

#[test]
fn two_images_and_no_choice() {
    let case = Case::new();
    let archive = Archive::default()
        .image(&["acme/one:1.0"], &[tar(&[("a", b"one")])])
        .image(&["acme/two:2.0"], &[tar(&[("a", b"two")])]);
    let source = case.file(&archive.to_tar());
    case.refuses(&source, "acme/app:1.2", 1, &["acme/one:1.0", "acme/two:2.0", "--image"]);

    let argument = case.store.argument();
    let chosen =
        ["publish", source.to_str().unwrap(), "acme/app:1.2", "--image", "acme/two:2.0", "--to", &argument];
    let run = case.store.publisher(&chosen);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // Its own reference needs no choice.
    case.store.publish(&source, &["acme/one:1.0"]);
}

#[test]
fn bad_references() {
    let case = Case::new();
    let source = case.file(&Archive::default().image(&["acme/app:1.2"], &[tar(&[("a", b"a")])]).to_tar());
    let long = "a".repeat(256);
    for reference in [
        "Acme/app:1.2",
        "acme//app",
        "acme/app:",
        "acme/app:.dot",
        "acme/-app",
        "acme/app@sha256:abc",
        "",
        "a b",
        "../app",
        &long,
    ] {
        case.refuses(&source, reference, 2, &[reference]);
    }
    for reference in ["registry.example.com/acme/app:1.2", "localhost/acme/app"] {
        let host = reference.split('/').next().unwrap();
        case.refuses(&source, reference, 2, &[host, "hint:", "--keep-host"]);
    }
    // No repository's name holds a colon: this one cannot be kept.
    case.refuses(&source, "127.0.0.1:5000/acme/app", 2, &["127.0.0.1:5000", "hint:"]);
}

#[test]
fn wrong_usage() {
    let case = Case::new();
    let source = case.file(&Archive::default().image(&["acme/app:1.2"], &[tar(&[("a", b"a")])]).to_tar());
    let source = source.to_str().unwrap();
    let argument = case.store.argument();
    for arguments in [
        vec!["publish", source, "acme/app:1.2"],
        vec!["publish", source, "--to", &argument],
        vec!["publish", source, "acme/app:1.2", "--to", "ftp://host/path"],
        vec!["publish", source, "acme/app:1.2", "--to", &argument, "--no-such-flag"],
        vec!["publsh", source, "acme/app:1.2", "--to", &argument],
    ] {
        let run = case.store.publisher(&arguments);
        assert_says(&run, 2, &[]);
    }
}
