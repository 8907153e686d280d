//! Docker archives: what is packed, what is kept, and what the manifest says.

use contract::digest::Digest;
use contract::manifest::Content;
use contract::media::MediaType;
use publisher::source::{Compression, ManifestType};
use serde_json::{Value, json};

use super::opening::{ASK, Ask, at, bytes, says, text, whole};
use super::writer::{
    Files, IMAGE_NAME, Item, REF_NAME, blob, called, config, gunzip, gzip, layer, sha256, zstd,
};

const OCI: Ask<'_> = Ask { manifest_type: ManifestType::Oci, ..ASK };

fn image<'a>(name: &'a str) -> Ask<'a> {
    Ask { image: Some(name), ..ASK }
}

/// The digests and types of the layers that a root names.
fn layers(whole: &super::opening::Whole) -> Vec<(Digest, String)> {
    let Content::Image { layers, .. } = &whole.image.manifests.last().unwrap().manifest.content else {
        panic!("an image")
    };
    layers.iter().map(|layer| (layer.digest, layer.media_type.to_string())).collect()
}

#[tokio::test]
async fn plain_layers_are_packed_and_a_manifest_is_made() {
    let (base, top) = (layer("base"), layer(&counted(200_000)));
    let files = Files::docker(&[(&["acme/app:1"], &[&base, &top, &base])]);
    for (ask, manifest, config_type, layer_type) in [
        (ASK, MediaType::DOCKER_MANIFEST, MediaType::DOCKER_CONFIG, MediaType::DOCKER_LAYER_GZIP),
        (OCI, MediaType::OCI_MANIFEST, MediaType::OCI_CONFIG, MediaType::OCI_LAYER_GZIP),
    ] {
        let found = whole(bytes(&files.tar(), ask).await).await;
        let root: Value = serde_json::from_slice(&found.content[&found.image.root.digest]).unwrap();
        assert_eq!(found.image.root.media_type.as_str(), manifest);
        assert_eq!(root["mediaType"], manifest);
        assert_eq!(root["config"]["mediaType"], config_type);
        let config = config(&[&base, &top, &base]);
        assert_eq!(root["config"]["digest"], sha256(config.as_bytes()).to_string());
        assert_eq!(found.image.configs.values().next().unwrap(), config.as_bytes());
        let named = layers(&found);
        assert_eq!(found.image.blobs.len(), 3, "a layer that is there twice is one blob");
        let plain: Vec<_> = named.iter().map(|(digest, _)| gunzip(&found.content[digest])).collect();
        assert!(plain == [base.clone(), top.clone(), base.clone()]);
        assert!(named.iter().all(|(_, media_type)| media_type == layer_type));
    }
}

#[tokio::test]
async fn the_same_archive_gives_the_same_digest() {
    let layers = [200_000, 1, 7_000].map(|n| layer(&counted(n)));
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let files = Files::docker(&[(&["acme/app:1"], &layers)]);
    let first = bytes(&files.tar(), ASK).await.unwrap().image.root;
    let again = bytes(&files.tar(), ASK).await.unwrap().image.root;
    let folder = files.folder();
    let unpacked = at(text(folder.path()), ASK).await.unwrap().image.root;
    assert_eq!(first, again);
    assert_eq!(first, unpacked);
    // Another release of the compressor must not change what is published unnoticed.
    assert_eq!(first.digest.to_string(), EXPECTED);
}

/// Text that does not pack too well: with 200,000 numbers, more than one chunk of it.
fn counted(n: u32) -> String {
    (0..n).map(|n| n.to_string()).collect()
}

const EXPECTED: &str = "sha256:5717d36549819ce35ee84a365015c32a9c5a7fba966c0b439b96ac3a9e61212d";

#[tokio::test]
async fn links_to_layers_are_followed() {
    let (base, top) = (layer("base"), layer("top"));
    let mut files = Files::docker(&[(&[], &[&base, &top])]);
    for (at, name, link) in [
        (0, "moved/base.tar", Item::Symlink("../moved/base.tar".into())),
        (1, "moved/top.tar", Item::Link("moved/top.tar".into())),
    ] {
        let file = std::mem::replace(&mut files.items[at].1, link);
        // A link may come before what it leads to, but unpacking a hard link needs its file.
        files.items.push((name.into(), file));
    }
    files.items.rotate_right(1);
    let folder = files.folder();
    let unpacked = whole(at(text(folder.path()), ASK).await).await;
    let found = whole(bytes(&files.tar(), ASK).await).await;
    let plain: Vec<_> = layers(&found).iter().map(|(digest, _)| gunzip(&found.content[digest])).collect();
    assert!(plain == [base, top]);
    assert_eq!(found.image.root, unpacked.image.root);
}

#[tokio::test]
async fn layers_that_are_packed_keep_their_bytes() {
    let plain = [layer("one"), layer("two"), layer("three")];
    let packed = [gzip(&plain[0]), plain[1].clone(), gzip(&plain[2])];
    let found = whole(bytes(&with_packed(&plain, &packed).tar(), ASK).await).await;
    let named = layers(&found);
    assert_eq!((named[0].0, named[2].0), (sha256(&packed[0]), sha256(&packed[2])));
    assert_eq!(gunzip(&found.content[&named[1].0]), plain[1]);
    assert!(named.iter().all(|(_, media_type)| media_type == MediaType::DOCKER_LAYER_GZIP));
}

#[tokio::test]
async fn zstd_makes_the_manifest_ocis() {
    let plain = [layer("one"), layer("two")];
    let packed = [zstd(&plain[0]), plain[1].clone()];
    let found = whole(bytes(&with_packed(&plain, &packed).tar(), ASK).await).await;
    assert_eq!(found.image.root.media_type.as_str(), MediaType::OCI_MANIFEST);
    let named = layers(&found);
    assert_eq!(named[0], (sha256(&packed[0]), MediaType::OCI_LAYER_ZSTD.to_owned()));
    assert_eq!(named[1].1, MediaType::OCI_LAYER_GZIP);
}

#[tokio::test]
async fn layers_are_packed_as_it_is_wanted() {
    let plain = [layer("one"), layer(&counted(200_000)), layer("three")];
    let packed = [gzip(&plain[0]), plain[1].clone(), zstd(&plain[2])];
    let tar = with_packed(&plain, &packed).tar();
    let types = |names: [&str; 3]| names.map(str::to_owned).to_vec();
    let (gzip, zstd) = (MediaType::OCI_LAYER_GZIP, MediaType::OCI_LAYER_ZSTD);
    for (compression, expected, kept) in [
        (Compression::Keep, types([gzip, gzip, zstd]), [true, false, true]),
        (Compression::Gzip, types([MediaType::DOCKER_LAYER_GZIP; 3]), [true, false, false]),
        (Compression::Zstd, types([zstd; 3]), [false, false, true]),
        (Compression::None, types([MediaType::DOCKER_LAYER; 3]), [false, true, false]),
    ] {
        let found = whole(bytes(&tar, Ask { compression, ..ASK }).await).await;
        let named = layers(&found);
        assert_eq!(named.iter().map(|(_, of)| of.clone()).collect::<Vec<_>>(), expected, "{compression:?}");
        let same: Vec<bool> =
            named.iter().zip(&packed).map(|(found, given)| found.0 == sha256(given)).collect();
        assert_eq!(same, kept, "{compression:?}");
        let opened: Vec<_> = named.iter().map(|(digest, _)| unpack(&found.content[digest])).collect();
        assert!(opened == plain, "{compression:?}");
    }
}

/// By its first bytes, as clients do it.
fn unpack(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [0x1f, 0x8b, ..] => gunzip(bytes),
        [0x28, 0xb5, ..] => ::zstd::decode_all(bytes).unwrap(),
        _ => bytes.to_vec(),
    }
}

#[tokio::test]
async fn xz_and_bzip2_keep_their_bytes_and_have_no_type_of_their_own() {
    let plain = [layer("one"), layer("two")];
    let packed = [b"\xfd7zXZ\0 and so on".to_vec(), b"BZh9 and so on".to_vec()];
    let found = whole(bytes(&with_packed(&plain, &packed).tar(), ASK).await).await;
    let expected = packed.map(|bytes| (sha256(&bytes), MediaType::DOCKER_LAYER.to_owned()));
    assert_eq!(layers(&found), expected);
}

/// A docker archive whose layers hold other bytes than the plain ones that the config speaks of.
fn with_packed(plain: &[Vec<u8>], packed: &[Vec<u8>]) -> Files {
    let layers: Vec<&[u8]> = plain.iter().map(Vec::as_slice).collect();
    let mut files = Files::docker(&[(&["acme/app:1"], &layers)]);
    for (plain, packed) in plain.iter().zip(packed) {
        *files.get(&format!("{}/layer.tar", sha256(plain).hex())) = packed.clone();
    }
    files
}

#[tokio::test]
async fn the_image_is_chosen_by_name() {
    let layers = [layer("one"), layer("two"), layer("three")];
    let files = Files::docker(&[
        (&["docker.io/acme/app:1", "acme/app:one"], &[&layers[0]]),
        (&["localhost/acme/app:2"], &[&layers[1]]),
        (&[], &[&layers[2]]),
    ]);
    let tar = files.tar();
    let third = sha256(config(&[&layers[2]]).as_bytes()).to_string();
    for (ask, expected) in [
        (ASK, 0),
        (Ask { published: "acme/app:2", ..ASK }, 1),
        (image("one"), 0),
        (image("acme/app:2"), 1),
        (image(&third), 2),
    ] {
        let found = whole(bytes(&tar, ask).await).await;
        let [(digest, _)] = &self::layers(&found)[..] else { panic!("one layer") };
        assert_eq!(gunzip(&found.content[digest]), layers[expected]);
    }
    let said = says(bytes(&tar, Ask { published: "other/name", ..ASK }).await);
    for part in ["docker.io/acme/app:1", "localhost/acme/app:2", &third, "--image"] {
        assert!(said.contains(part), "{said}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &tar).unwrap();
    let suffixed = format!("docker-archive:{}:acme/app:2", text(file.path()));
    let chosen = at(&suffixed, ASK).await.unwrap().image.root;
    assert_eq!(chosen, bytes(&tar, image("acme/app:2")).await.unwrap().image.root);
    assert!(says(at(&suffixed, image("one")).await).contains("one"), "two choices");
}

/// What Docker since 25 saves: an OCI layout, and a `manifest.json` that names the same blobs.
fn docker_25(packing: fn(&[u8]) -> Vec<u8>, media_type: &str, index: bool) -> (Files, Digest) {
    let mut files = Files::new();
    let mut roots = Vec::new();
    let mut entries = Vec::new();
    for name in ["1", "2"] {
        let plain = layer(name);
        let config = files.blob(MediaType::OCI_CONFIG, config(&[&plain]));
        let layer = files.blob(media_type, packing(&plain));
        let mut root = files.manifest(MediaType::OCI_MANIFEST, &config, std::slice::from_ref(&layer));
        let (config, layer) = (blob(&config.digest), blob(&layer.digest));
        entries.push(json!({"Config": config, "RepoTags": [format!("acme/app:{name}")], "Layers": [layer]}));
        if index {
            let mut absent = Files::new();
            let absent = absent.image("of another platform");
            root = files.index(&[absent, root]);
        }
        let root = called(root, IMAGE_NAME, &format!("docker.io/acme/app:{name}"));
        roots.push(called(root, REF_NAME, name));
    }
    files.put("manifest.json", Value::from(entries).to_string());
    files.layout(&roots);
    (files, roots[1].digest)
}

const SECOND: Ask<'_> = Ask { published: "acme/app:2", ..ASK };

#[tokio::test]
async fn an_archive_of_docker_25_with_plain_layers_gets_a_manifest() {
    let (files, _) = docker_25(<[u8]>::to_vec, MediaType::OCI_LAYER, false);
    for ask in [SECOND, image("acme/app:2"), image("2")] {
        let found = whole(bytes(&files.tar(), ask).await).await;
        assert_eq!(found.image.root.media_type.as_str(), MediaType::DOCKER_MANIFEST);
        assert_eq!(gunzip(&found.content[&layers(&found)[0].0]), layer("2"));
    }
    let old = Files::docker(&[(&["acme/app:2"], &[&layer("2")])]);
    let old = bytes(&old.tar(), SECOND).await.unwrap().image.root;
    assert_eq!(bytes(&files.tar(), SECOND).await.unwrap().image.root, old, "as from an old archive");
}

#[tokio::test]
async fn an_archive_of_docker_25_with_packed_layers_keeps_its_manifest() {
    let (files, root) = docker_25(gzip, MediaType::OCI_LAYER_GZIP, false);
    let found = whole(bytes(&files.tar(), SECOND).await).await;
    assert_eq!(found.image.root.digest, root);
}

#[tokio::test]
async fn an_index_of_a_containerd_store_is_reduced_to_what_is_there() {
    let (files, root) = docker_25(gzip, MediaType::OCI_LAYER_GZIP, true);
    let found = whole(bytes(&files.tar(), SECOND).await).await;
    assert_ne!(found.image.root.digest, root);
    assert!(found.content.contains_key(&found.image.root.digest));
    assert_eq!(found.image.missing.len(), 1);
    assert!(says(bytes(&files.tar(), Ask { strict: true, ..SECOND }).await).contains("lacks"));
}

#[tokio::test]
async fn an_index_of_several_images_is_kept_with_plain_layers_too() {
    let mut files = Files::new();
    let mut members = Vec::new();
    let images = ["amd64", "arm64"].map(|name| {
        let plain = layer(name);
        let config = files.blob(MediaType::OCI_CONFIG, config(&[&plain]));
        let layer = files.blob(MediaType::OCI_LAYER, plain);
        members.push((blob(&config.digest), blob(&layer.digest)));
        files.manifest(MediaType::OCI_MANIFEST, &config, &[layer])
    });
    let root = files.index(&images);
    // What is there for old Docker names one of them.
    let (config, layer) = &members[0];
    let entry = json!([{"Config": config, "RepoTags": ["acme/app:1"], "Layers": [layer]}]);
    files.put("manifest.json", entry.to_string());
    files.layout(std::slice::from_ref(&root));
    for ask in [ASK, image("acme/app:1")] {
        assert_eq!(whole(bytes(&files.tar(), ask).await).await.image.root.digest, root.digest);
    }
}

#[tokio::test]
async fn the_prefix_decides_which_side_of_an_archive_of_docker_25_counts() {
    let (files, root) = docker_25(<[u8]>::to_vec, MediaType::OCI_LAYER, false);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), files.tar()).unwrap();
    let path = text(file.path());
    let kept = whole(at(&format!("oci-archive:{path}:2"), ASK).await).await;
    assert_eq!(kept.image.root.digest, root, "a layout keeps its bytes, plain layers too");
    let made = whole(at(&format!("docker-archive:{path}:acme/app:2"), ASK).await).await;
    assert_eq!(made.image.root.media_type.as_str(), MediaType::DOCKER_MANIFEST);
    assert!(says(at(&format!("dir:{path}"), ASK).await).contains("directory of skopeo"));
}

#[tokio::test]
async fn foreign_layers_of_windows_stay_where_they_are() {
    let (base, top) = (layer("base of Windows"), layer("top"));
    let mut files = Files::docker(&[(&["acme/app:1"], &[&base, &top])]);
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": sha256(b"packed base"), "size": 11, "urls": ["https://example.com/base"],
    });
    let manifest = files.get("manifest.json");
    let mut entries: Value = serde_json::from_slice(manifest).unwrap();
    entries[0]["LayerSources"] = json!({sha256(&base).to_string(): foreign});
    *manifest = entries.to_string().into_bytes();
    let found = whole(bytes(&files.tar(), ASK).await).await;
    assert_eq!(layers(&found)[0].0, sha256(b"packed base"));
    assert_eq!(found.image.foreign.len(), 1);
    assert_eq!(found.image.blobs.len(), 2);
}
