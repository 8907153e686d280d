//! OCI layouts: as folders and archives, with everything that the image spec allows.

use contract::descriptor::Descriptor;
use contract::digest::Algorithm;
use contract::media::MediaType;
use serde_json::json;

use super::opening::{ASK, Ask, at, bytes, named, says, text, whole};
use super::writer::{Files, IMAGE_NAME, REF_NAME, blob, called, config, gzip, layer, zstd};

#[tokio::test]
async fn a_layout_keeps_its_bytes_in_whatever_it_comes() {
    let (files, root) = Files::layout_of("a");
    let folder = files.folder();
    let tar = files.tar();
    let path = text(folder.path());
    for opened in [
        at(path, ASK).await,
        at(&format!("oci:{path}"), ASK).await,
        at(&format!("oci-archive:{path}:"), ASK).await,
        bytes(&tar, ASK).await,
        named("x.tar.gz", &gzip(&tar), ASK).await,
        named("x.tar.zst", &zstd(&tar), ASK).await,
        named("a name: with, oci:things", &zstd(&tar), ASK).await,
    ] {
        let found = whole(opened).await;
        assert_eq!(found.image.root.digest, root.digest);
        assert_eq!(found.content.len(), 3);
    }
}

#[tokio::test]
async fn a_compressed_archive_of_several_members_and_frames_is_read_to_its_end() {
    let (files, root) = Files::layout_of("a");
    let tar = files.tar();
    for pack in [gzip, zstd] {
        let (one, two) = tar.split_at(tar.len() / 2);
        let packed = [pack(one), pack(two)].concat();
        assert_eq!(whole(bytes(&packed, ASK).await).await.image.root.digest, root.digest);
    }
}

#[tokio::test]
async fn names_with_a_dot_and_long_ones_are_the_same_files() {
    let (mut files, root) = Files::layout_of("a");
    for (name, _) in &mut files.items {
        *name = format!("./{name}");
    }
    files.put(&format!("./{}", "long/".repeat(50)), "");
    assert_eq!(whole(bytes(&files.tar(), ASK).await).await.image.root.digest, root.digest);
}

#[tokio::test]
async fn sha512_is_a_digest_like_the_other() {
    let mut files = Files::new();
    files.algorithm = Algorithm::Sha512;
    let (image, absent) = (files.image("a"), Files::new().image("absent"));
    let (other, index) = (files.image("b"), Files::new());
    drop(index);
    let root = files.index(&[image, absent, other]);
    files.layout(&[root]);
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!(found.image.root.digest.algorithm(), Algorithm::Sha512, "an index that we make, too");
    assert_eq!((found.content.len(), found.image.missing.len()), (7, 1));
}

#[tokio::test]
async fn indexes_in_indexes_come_whole() {
    let mut files = Files::new();
    let (a, b) = (files.image("a"), files.image("b"));
    let inner = files.index(&[a.clone(), b]);
    let root = files.index(&[inner, a]);
    files.layout(std::slice::from_ref(&root));
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!((found.image.root.digest, found.image.manifests.len()), (root.digest, 4));
}

#[tokio::test]
async fn a_part_of_an_index_is_published_unless_strict() {
    let mut files = Files::new();
    let all = ["a", "b", "c"].map(|name| files.image(name));
    let root = files.index(&all);
    files.layout(std::slice::from_ref(&root));
    files.remove(&blob(&all[1].digest));
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!(found.image.missing, [all[1].clone()]);
    assert!(found.image.root.media_type.is_index() && found.image.root.digest != root.digest);
    let strict = Ask { strict: true, ..ASK };
    let said = says(bytes(&files.tar(), strict).await);
    assert!(said.contains(&all[1].digest.to_string()) && said.contains("hint"), "{said}");
    files.remove(&blob(&all[0].digest));
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!(found.image.root.digest, all[2].digest, "the only one takes the index's place");
}

#[tokio::test]
async fn artifacts_have_no_layers_and_a_subject_elsewhere() {
    let mut files = Files::new();
    let empty = files.blob("application/vnd.oci.empty.v1+json", "{}");
    let subject = Files::new().image("elsewhere");
    let document = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "artifactType": "application/vnd.example",
        "config": empty, "layers": [], "subject": subject,
    });
    let root = files.blob(MediaType::OCI_MANIFEST, document.to_string());
    files.layout(std::slice::from_ref(&root));
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!(found.content.len(), 2);
    assert_eq!(found.image.manifests[0].manifest.subject.as_ref().unwrap().digest, subject.digest);
}

#[tokio::test]
async fn dockers_manifests_and_all_layer_types_keep_their_bytes() {
    let mut files = Files::new();
    let plain = layer("a");
    let config = files.blob(MediaType::DOCKER_CONFIG, config(&[&plain, &plain, &plain]));
    let layers = [
        files.blob(MediaType::DOCKER_LAYER, plain.clone()),
        files.blob(MediaType::OCI_LAYER_ZSTD, zstd(&plain)),
        files.blob("application/vnd.example.whatever", "anything"),
    ];
    let image = files.manifest(MediaType::DOCKER_MANIFEST, &config, &layers);
    let list = json!({"schemaVersion": 2, "mediaType": MediaType::DOCKER_LIST, "manifests": [image]});
    let root = files.blob(MediaType::DOCKER_LIST, list.to_string());
    files.layout(std::slice::from_ref(&root));
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!((found.image.root.digest, found.content.len()), (root.digest, 6));
}

#[tokio::test]
async fn foreign_layers_may_be_absent() {
    let mut files = Files::new();
    let config = files.blob(MediaType::OCI_CONFIG, config(&[]));
    let mut foreign = Files::new().blob(FOREIGN, "elsewhere");
    foreign.urls.push("https://example.com/layer".into());
    let root = files.manifest(MediaType::OCI_MANIFEST, &config, std::slice::from_ref(&foreign));
    files.layout(&[root]);
    let found = whole(bytes(&files.tar(), Ask { strict: true, ..ASK }).await).await;
    assert_eq!(found.image.foreign, [foreign]);
}

const FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// A layout of images of these names.
fn held(key: &str, names: &[&str]) -> (Files, Vec<Descriptor>) {
    let mut files = Files::new();
    let roots: Vec<_> = names.iter().map(|name| called(files.image(name), key, name)).collect();
    files.layout(&roots);
    (files, roots)
}

#[tokio::test]
async fn the_image_is_chosen_by_tag_or_name() {
    let (files, roots) = held(REF_NAME, &["1", "2", "quay.io/acme/app:3"]);
    let folder = files.folder();
    let path = text(folder.path());
    for (source, ask, expected) in [
        (path.to_owned(), ASK, 0),
        (path.to_owned(), Ask { published: "any/name:2", ..ASK }, 1),
        (path.to_owned(), Ask { published: "acme/app:3", ..ASK }, 2),
        (path.to_owned(), Ask { image: Some("2"), ..ASK }, 1),
        (format!("oci:{path}:2"), ASK, 1),
        (format!("oci:{path}:quay.io/acme/app:3"), ASK, 2),
    ] {
        assert_eq!(whole(at(&source, ask).await).await.image.root.digest, roots[expected].digest, "{source}");
    }
    let said = says(at(path, Ask { published: "acme/app:9", ..ASK }).await);
    assert!(said.contains("1, 2, quay.io/acme/app:3") && said.contains("--image"), "{said}");
    let (files, roots) = held(IMAGE_NAME, &["docker.io/library/a:1", "docker.io/library/b:1"]);
    let found = whole(bytes(&files.tar(), Ask { published: "b:1", ..ASK }).await).await;
    assert_eq!(found.image.root.digest, roots[1].digest);
}

#[tokio::test]
async fn two_names_of_one_image_and_parts_beside_their_whole_are_no_question() {
    let mut files = Files::new();
    let (a, b) = (files.image("a"), files.image("b"));
    let whole_of = files.index(&[a.clone(), b.clone()]);
    let subject = whole_of.clone();
    let empty = files.blob("application/vnd.oci.empty.v1+json", "{}");
    let document = json!({
        "schemaVersion": 2, "mediaType": MediaType::OCI_MANIFEST, "config": empty, "layers": [], "subject": subject,
    });
    let referrer = files.blob(MediaType::OCI_MANIFEST, document.to_string());
    let names = ["x", "y"].map(|name| called(whole_of.clone(), REF_NAME, name));
    files.layout(&[a, names[0].clone(), referrer.clone(), b, names[1].clone()]);
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!(found.image.root.digest, whole_of.digest);
    files.get("index.json").clear();
    *files.get("index.json") = json!({"schemaVersion": 2, "manifests": [referrer]}).to_string().into_bytes();
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!(found.image.root.digest, referrer.digest, "alone, it is what is published");
}

#[tokio::test]
async fn a_named_pipe_is_read_like_standard_input() {
    let (files, root) = Files::layout_of("a");
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let packed = gzip(&files.tar());
    let to = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(to, packed));
    assert_eq!(whole(at(text(&pipe), ASK).await).await.image.root.digest, root.digest);
    writer.join().unwrap().unwrap();
}
