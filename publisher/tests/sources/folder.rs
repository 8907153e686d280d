//! skopeo's `dir:` layout: `manifest.json`, and blobs by their hex digests.

use contract::descriptor::Descriptor;
use contract::media::MediaType;
use serde_json::json;

use super::opening::{ASK, Ask, at, bytes, says, text, whole};
use super::writer::{Files, Item, blob};

/// Moves what an OCI layout keeps under `blobs/` to where skopeo puts it.
fn moved(mut files: Files, root: &Descriptor) -> Files {
    let is_manifest = |bytes: &[u8]| bytes.windows(13).any(|part| part == b"schemaVersion");
    for (name, item) in &mut files.items {
        let Item::File(bytes) = item else { continue };
        let hex = name.rsplit('/').next().unwrap().to_owned();
        *name = match () {
            () if *name == blob(&root.digest) => "manifest.json".into(),
            () if is_manifest(bytes) => format!("{hex}.manifest.json"),
            () => hex,
        };
    }
    files.put("version", "Directory Transport Version: 1.1\n");
    files
}

#[tokio::test]
async fn one_image_keeps_its_bytes() {
    let mut files = Files::new();
    let root = files.image("a");
    let files = moved(files, &root);
    let folder = files.folder();
    let path = text(folder.path());
    for opened in [at(path, ASK).await, at(&format!("dir:{path}"), ASK).await, bytes(&files.tar(), ASK).await]
    {
        let found = whole(opened).await;
        assert_eq!((found.image.root.digest, found.content.len()), (root.digest, 3));
    }
    let by_digest = root.digest.to_string();
    assert!(at(path, Ask { image: Some(&by_digest), ..ASK }).await.is_ok());
    assert!(says(at(path, Ask { image: Some("a"), ..ASK }).await).contains("no image `a`"));
    assert!(says(at(&format!("oci:{path}"), ASK).await).contains("not an OCI layout"));
}

#[tokio::test]
async fn a_list_has_its_manifests_beside_it() {
    let mut files = Files::new();
    let entries = ["a", "b"].map(|name| files.image(name));
    let list = json!({"schemaVersion": 2, "mediaType": MediaType::DOCKER_LIST, "manifests": entries});
    let root = files.blob(MediaType::DOCKER_LIST, list.to_string());
    let files = moved(files, &root);
    let found = whole(at(text(files.folder().path()), ASK).await).await;
    assert_eq!((found.image.root.digest, found.content.len()), (root.digest, 7));
}
