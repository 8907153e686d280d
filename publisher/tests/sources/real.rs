//! Archives and folders that real programs write: GNU tar and skopeo.

use std::path::Path;
use std::process::Command;

use contract::digest::Digest;
use contract::media::MediaType;

use super::opening::{ASK, Ask, at, text, whole};
use super::writer::{Files, layer, sha256};

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|e| panic!("{program} is needed: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn skopeo(from: &str, to: &str) {
    run("skopeo", &["--insecure-policy", "copy", "--quiet", "--all", from, to]);
}

async fn root(source: &str, ask: Ask<'_>) -> Digest {
    whole(at(source, ask).await).await.image.root.digest
}

#[tokio::test]
async fn every_dialect_of_tar_is_read() {
    let (files, expected) = Files::layout_of("a");
    let folder = files.folder();
    let archive = tempfile::tempdir().unwrap();
    for format in ["v7", "oldgnu", "gnu", "ustar", "posix"] {
        let path = archive.path().join(format);
        let flag = format!("--format={format}");
        run("tar", &["-c", &flag, "-f", text(&path), "-C", text(folder.path()), "."]);
        assert_eq!(root(text(&path), ASK).await, expected.digest, "{format}");
    }
}

#[tokio::test]
async fn what_skopeo_writes_is_read() {
    let (base, top) = (layer("base"), layer("top"));
    let files = Files::docker(&[(&["acme/app:1"], &[&base, &top, &base])]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| format!("{}/{name}", text(folder.path()));
    std::fs::write(path("docker.tar"), files.tar()).unwrap();
    let from = format!("docker-archive:{}", path("docker.tar"));
    for (kind, name, suffix) in [
        ("docker-archive", "again.tar", ":acme/app:1"),
        ("oci", "layout", ":v1"),
        ("oci-archive", "layout.tar", ":v1"),
        ("dir", "folder", ""),
    ] {
        skopeo(&from, &format!("{kind}:{}{suffix}", path(name)));
        let said = root(&format!("{kind}:{}{suffix}", path(name)), ASK).await;
        assert_eq!(root(&path(name), ASK).await, said, "{kind}: looking finds the same");
    }
    assert_eq!(root(&path("docker.tar"), ASK).await, root(&path("again.tar"), ASK).await);
    let listed = std::fs::read(path("layout/index.json")).unwrap();
    let kept = root(&path("layout"), ASK).await.to_string();
    assert!(String::from_utf8(listed).unwrap().contains(&kept), "a layout keeps its digest");
    let manifest = std::fs::read(Path::new(&path("folder")).join("manifest.json")).unwrap();
    assert_eq!(root(&path("folder"), ASK).await, sha256(&manifest));
}

#[tokio::test]
async fn a_list_goes_through_skopeos_folder_unchanged() {
    let mut files = Files::new();
    let mut entries = ["a", "b"].map(|name| files.image(name));
    for (entry, architecture) in entries.iter_mut().zip(["amd64", "arm64"]) {
        let platform = serde_json::json!({"os": "linux", "architecture": architecture});
        entry.platform = Some(serde_json::from_value(platform).unwrap());
    }
    let index = files.index(&entries);
    assert_eq!(index.media_type.as_str(), MediaType::OCI_INDEX);
    files.layout(std::slice::from_ref(&index));
    let layout = files.folder();
    let folder = tempfile::tempdir().unwrap();
    skopeo(&format!("oci:{}", text(layout.path())), &format!("dir:{}", text(folder.path())));
    assert_eq!(root(text(folder.path()), ASK).await, index.digest);
}
