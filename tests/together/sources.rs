//! The forms that an image comes in, and the ways to name it on the command line.

use std::fs;
use std::io::Write;
use std::mem::discriminant;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::pull::digest_of;
use crate::rig::archive::Archive;
use crate::rig::http;
use crate::rig::layout::{DOCKER_MANIFEST, Layer, Layout, OCI_MANIFEST, sha256, tar};
use crate::rig::ours::publisher_command;
use crate::rig::process::{Run, wait};
use crate::rig::store::Store;

const FILES: [(&str, &[u8]); 1] = [("a", b"plain layer")];

fn old_archive() -> Vec<u8> {
    Archive::default().image(&["acme/app:1.2"], &[tar(&FILES)]).to_tar()
}

/// The same image as `old_archive` holds, as Docker saves it since 25.
fn new_archive() -> Vec<u8> {
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::plain(&FILES)]);
    layout.list_for_docker(&image, "acme/app:1.2");
    layout.to_tar()
}

/// A layout with one image, and its digest.
fn layout() -> (Layout, String) {
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &[Layer::gzip(&FILES)]);
    layout.list(&image, "1.2");
    (layout, image["digest"].as_str().unwrap().to_owned())
}

/// Publishes to a new directory and gives the digest that was printed and the manifest that is served.
fn published(source: &str, options: &[&str]) -> (String, http::Answer) {
    let store = Store::directory();
    let to = store.argument();
    let run = store.publisher(&[&["publish", source, "acme/app:1.2", "--to", &to], options].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let endpoint = store.endpoint();
    (digest_of(&run.stdout, "acme/app:1.2"), http::get(&endpoint.url("/v2/acme/app/manifests/1.2")))
}

fn write(place: &Path, bytes: &[u8]) -> String {
    let path = place.join("source");
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn both_kinds_of_docker_archive_give_the_same_image() {
    let place = tempfile::tempdir().unwrap();
    for (options, media) in [(&[][..], DOCKER_MANIFEST), (&["--manifest-type", "oci"][..], OCI_MANIFEST)] {
        let (old, manifest) = published(&write(place.path(), &old_archive()), options);
        let (new, _) = published(&write(place.path(), &new_archive()), options);
        assert_eq!(old, new);
        assert_eq!(sha256(&manifest.body), old);
        assert_eq!((manifest.header("content-type"), &manifest.json()["mediaType"]), (media, &media.into()));
    }
}

#[test]
fn prefixes_of_skopeo() {
    let place = tempfile::tempdir().unwrap();
    let archive = write(place.path(), &old_archive());
    let (by_looking, _) = published(&archive, &[]);
    assert_eq!(published(&format!("docker-archive:{archive}"), &[]).0, by_looking);

    let (layout, digest) = layout();
    let folder = place.path().join("layout");
    layout.write_dir(&folder);
    let folder = folder.to_str().unwrap();
    for source in [folder.to_owned(), format!("oci:{folder}"), format!("oci:{folder}:1.2")] {
        assert_eq!(published(&source, &[]).0, digest, "{source}");
    }
    let archive = write(place.path(), &layout.to_tar());
    for source in [archive.clone(), format!("oci-archive:{archive}"), format!("oci-archive:{archive}:1.2")] {
        assert_eq!(published(&source, &[]).0, digest, "{source}");
    }
    let dir = place.path().join("dir");
    crate::rig::skopeo::copy(&[], &format!("oci:{folder}:1.2"), &format!("dir:{}", dir.display()));
    assert_eq!(published(&format!("dir:{}", dir.display()), &[]).0, digest);
}

fn publish_from_stdin(bytes: &[u8], store: &Store) -> Run {
    let mut command = publisher_command();
    command.args(["publish", "-", "acme/app:1.2", "--to", &store.argument()]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    wait(child)
}

#[test]
fn standard_input() {
    let (layout, digest) = layout();
    let plain = layout.to_tar();
    for bytes in [&plain, &zstd::encode_all(&*plain, 3).unwrap()] {
        let run = publish_from_stdin(bytes, &Store::directory());
        assert_eq!((run.code, run.stdout), (Some(0), format!("acme/app:1.2@{digest}\n")), "{}", run.stderr);
    }
}

#[test]
fn digest_alone_makes_no_tag() {
    let (layout, digest) = layout();
    let (place, store) = (tempfile::tempdir().unwrap(), Store::directory());
    layout.write_dir(place.path());
    let reference = format!("acme/app@{digest}");
    assert_eq!(store.publish(place.path(), &[&reference]), format!("{reference}\n"));
    let endpoint = store.endpoint();
    assert_eq!(http::get(&endpoint.url(&format!("/v2/acme/app/manifests/{digest}"))).status, 200);
    assert_eq!(http::get(&endpoint.url("/v2/acme/app/manifests/latest")).status, 404);
}

#[test]
fn dry_run_prints_the_plan_and_writes_nothing() {
    let (layout, digest) = layout();
    let (place, store) = (tempfile::tempdir().unwrap(), Store::directory());
    layout.write_dir(place.path());
    let source = place.path().to_str().unwrap();
    let run = store.publisher(&["publish", source, "acme/app:1.2", "--dry-run", "--to", &store.argument()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains(&digest["sha256:".len()..]), "{}", run.stdout);
    assert!(run.stdout.contains("tags/1.2/current/link"), "{}", run.stdout);
    assert!(store.objects().is_empty(), "{:?}", store.objects());
}

/// The document that docs/output.md shows.
fn shown() -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/output.md")).unwrap();
    let (_, from) = text.split_once("```json\n").unwrap();
    serde_json::from_str(from.split_once("```").unwrap().0).unwrap()
}

/// Whether a document has the shape of another: keys, and kinds of values.
fn assert_alike(shown: &Value, printed: &Value, at: &str) {
    match (shown, printed) {
        (Value::Object(shown), Value::Object(printed)) => {
            assert_eq!(shown.keys().collect::<Vec<_>>(), printed.keys().collect::<Vec<_>>(), "{at}");
            shown.iter().for_each(|(key, value)| assert_alike(value, &printed[key], key));
        }
        (Value::Array(shown), Value::Array(printed)) => {
            assert_eq!(shown.is_empty(), printed.is_empty(), "{at}");
            printed.iter().for_each(|value| assert_alike(&shown[0], value, at));
        }
        _ => assert!(discriminant(shown) == discriminant(printed), "{at}: {printed}"),
    }
}

#[test]
fn json_for_machines_is_what_its_document_says() {
    let (place, store) = (tempfile::tempdir().unwrap(), Store::directory());
    let mut layout = Layout::default();
    let images = [("linux/amd64", &FILES), ("linux/arm64", &[("a", b"other")])]
        .map(|(platform, files)| layout.image(platform, &[Layer::gzip(files)]));
    let index = layout.index(&images);
    layout.list(&index, "1.2");
    layout.write_dir(place.path());
    let source = place.path().to_str().unwrap();
    let to = store.argument();
    let publish = |reference: &str| {
        let run = store.publisher(&["publish", source, reference, "--format", "json", "--to", &to]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        (serde_json::from_str::<Value>(&run.stdout).unwrap(), run.stderr)
    };
    let (mut first, said) = publish("acme/app:1.2");
    let root = first["manifests"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!((&root["digest"], &root["platform"]), (&first["digest"], &Value::Null));
    assert_alike(&shown(), &first, "");
    let blobs = first["blobs"].as_array().unwrap();
    let size: u64 = blobs.iter().map(|blob| blob["size"].as_u64().unwrap()).sum();
    assert!(blobs.iter().all(|blob| blob["sent"] == true) && root["sent"] == true, "{first}");
    assert_eq!((&first["bytesSent"], &first["bytesSkipped"]), (&size.into(), &0.into()));
    assert!(first["bytesRead"].as_u64().unwrap() > size, "{first}");
    assert!(said.contains("\nread ") && said.contains(", sent 4 blobs (") && said.contains("/s)"), "{said}");

    let (other, said) = publish("acme/other:1.2");
    let parts = ["manifests", "blobs"].map(|part| other[part].as_array().unwrap());
    assert!(parts[1].iter().all(|blob| blob["sent"] == false), "{other}");
    assert_eq!((&other["bytesSent"], &other["bytesSkipped"]), (&0.into(), &size.into()));
    assert!(said.contains("skipped 4 that were there"), "{said}");
    let again = publish("acme/other:1.2").0;
    assert!(again["manifests"].as_array().unwrap().iter().all(|it| it["sent"] == false), "{again}");
}
