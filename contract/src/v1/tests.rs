//! What an image becomes in v1, and what does not become anything.

use super::*;

fn descriptor(media_type: &str, content: &[u8]) -> Descriptor {
    let digest = crate::digest::Digest::of(crate::digest::Algorithm::Sha256, content);
    Descriptor::new(media_type.into(), digest, content.len() as u64)
}

fn manifest(config_type: &str, layers: &[&str]) -> Manifest {
    let layers: Vec<_> =
        layers.iter().enumerate().map(|(nth, media_type)| descriptor(media_type, &[nth as u8])).collect();
    let document = json!({ "schemaVersion": 2, "config": descriptor(config_type, b"{}"), "layers": layers });
    Manifest::parse(document.to_string().as_bytes(), None).unwrap()
}

const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","created":"2026-01-02T03:04:05Z","config":{"Cmd":["/x"]},
    "rootfs":{"type":"layers","diff_ids":["a","b"]},
    "history":[{"created":"2026-01-01T00:00:00Z","created_by":"ADD base"},{"created_by":"ENV","empty_layer":true},{"created_by":"RUN"}]}"#;

#[test]
fn a_chain_is_the_format() {
    let manifest =
        manifest(MediaType::DOCKER_CONFIG, &[MediaType::DOCKER_LAYER_GZIP, MediaType::DOCKER_LAYER]);
    let images = chain(&manifest, CONFIG.as_bytes()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let shown: Vec<_> = images
        .iter()
        .map(|image| format!("{}\n{}\n{}", image.layer.media_type, text(&image.json), text(&image.ancestry)))
        .collect();
    insta::assert_snapshot!("chain", shown.join("\n\n"));
    assert_eq!(chain(&manifest, CONFIG.as_bytes()).unwrap(), images, "the same image has the same ids");
}

#[test]
fn the_top_differs_where_the_config_does() {
    let manifest = manifest(MediaType::OCI_CONFIG, &[MediaType::OCI_LAYER_GZIP; 2]);
    let one = chain(&manifest, CONFIG.as_bytes()).unwrap();
    let two = chain(&manifest, CONFIG.replace("/x", "/y").as_bytes()).unwrap();
    assert_eq!(one[0].id, two[0].id, "the base is shared");
    assert_ne!(one[1].id, two[1].id);
}

#[test]
fn a_config_that_says_little_is_enough() {
    let manifest = manifest(MediaType::OCI_CONFIG, &[MediaType::OCI_LAYER]);
    let images = chain(&manifest, b"{}").unwrap();
    assert!(
        String::from_utf8(images[0].json.clone()).unwrap().contains(r#""created":"1970-01-01T00:00:00Z""#)
    );
}

#[test]
fn what_v1_cannot_hold() {
    let refused = |config_type, layers: &[&str], config: &str| {
        chain(&manifest(config_type, layers), config.as_bytes()).unwrap_err()
    };
    let gzip = MediaType::OCI_LAYER_GZIP;
    assert_eq!(refused("application/x", &[gzip], "{}"), NotHeld::Artifact("application/x".into()));
    assert_eq!(refused(MediaType::OCI_CONFIG, &[], "{}"), NotHeld::NoLayer);
    assert_eq!(refused(MediaType::OCI_CONFIG, &[gzip], "["), NotHeld::Config);
    let zstd = MediaType::OCI_LAYER_ZSTD;
    assert_eq!(refused(MediaType::OCI_CONFIG, &[gzip, zstd], "{}"), NotHeld::DiffIds(zstd.into()));
    assert_eq!(refused(MediaType::OCI_CONFIG, &[gzip, zstd], CONFIG), NotHeld::DiffIds(zstd.into()));
    let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    assert_eq!(refused(MediaType::OCI_CONFIG, &[encrypted], "{}"), NotHeld::Layer(encrypted.into()));
    let deep = vec![gzip; LAYERS_MAX + 1];
    assert_eq!(refused(MediaType::OCI_CONFIG, &deep, "{}"), NotHeld::TooManyLayers(LAYERS_MAX + 1));
    let held = chain(&manifest(MediaType::OCI_CONFIG, &deep[1..]), b"{}").unwrap();
    assert_eq!(held.len(), LAYERS_MAX);
}

#[test]
fn of_zstd_v1_has_gzip_of_what_the_config_says() {
    let diff_ids = [b"base", b"tops"].map(|tar| Digest::of(crate::digest::Algorithm::Sha256, tar));
    let config = json!({ "rootfs": { "type": "layers", "diff_ids": diff_ids } }).to_string();
    let (gzip, zstd) = (MediaType::OCI_LAYER_GZIP, MediaType::OCI_LAYER_ZSTD);
    let manifest = manifest(MediaType::OCI_CONFIG, &[gzip, zstd]);
    let images = chain(&manifest, config.as_bytes()).unwrap();
    let made: Vec<_> = images.iter().map(|image| image.gzip_of).collect();
    assert_eq!(made, [None, Some(diff_ids[1])]);
    for wrong in
        [json!([diff_ids[0]]), json!([diff_ids[0], "x"]), json!([diff_ids[0], diff_ids[1], diff_ids[1]])]
    {
        let config = json!({ "rootfs": { "diff_ids": wrong } }).to_string();
        assert_eq!(chain(&manifest, config.as_bytes()), Err(NotHeld::DiffIds(zstd.into())));
    }
}

#[test]
fn names_of_one_segment_are_in_library() {
    for (name, held) in
        [("app", Some("library/app")), ("acme/app", Some("acme/app")), ("library/app", None), ("a/b/c", None)]
    {
        let held_as = Repository::of(&name.parse().unwrap()).map(|held| held.to_string());
        assert_eq!(held_as.as_deref(), held, "{name}");
        let back = held.map(|held| Repository::parse(held).unwrap().repository().to_string());
        assert_eq!(back.as_deref(), held.map(|_| name));
    }
}
