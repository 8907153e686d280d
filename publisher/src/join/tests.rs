use contract::digest::Algorithm;

use super::*;

fn part(name: &str, media_type: &str, platform: Option<Value>) -> Part {
    let digest = Digest::of(Algorithm::Sha256, name.as_bytes());
    let descriptor = Descriptor::new(media_type.into(), digest, 7);
    let mut entry = json!(descriptor);
    if let Some(platform) = platform {
        entry["platform"] = platform;
    }
    Part::entry(name, &descriptor, entry)
}

fn image(name: &str, platform: Value) -> Part {
    part(name, MediaType::OCI_MANIFEST, Some(platform))
}

fn linux(architecture: &str) -> Value {
    json!({ "architecture": architecture, "os": "linux" })
}

fn variant(architecture: &str, variant: &str) -> Value {
    json!({ "architecture": architecture, "os": "linux", "variant": variant })
}

#[test]
fn the_bytes_are_those_of_the_parts_in_their_order() {
    let mut amd64 = image("amd64", linux("amd64"));
    amd64.entry["annotations"] = json!({ "kept": "as it was" });
    let parts = [amd64, image("arm64", variant("arm64", "v8"))];
    let digest = |text: &str| Digest::of(Algorithm::Sha256, text.as_bytes());
    let manifest = MediaType::OCI_MANIFEST;
    assert_eq!(
        String::from_utf8(index(&parts, ManifestType::Oci).unwrap()).unwrap(),
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[\
             {{\"mediaType\":\"{manifest}\",\"digest\":\"{}\",\"size\":7,\
             \"platform\":{{\"architecture\":\"amd64\",\"os\":\"linux\"}},\
             \"annotations\":{{\"kept\":\"as it was\"}}}},\
             {{\"mediaType\":\"{manifest}\",\"digest\":\"{}\",\"size\":7,\
             \"platform\":{{\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\"}}}}]}}",
            MediaType::OCI_INDEX,
            digest("amd64"),
            digest("arm64")
        )
    );
}

#[test]
fn two_for_one_platform_are_refused_by_both_names() {
    for (one, other, platform) in [
        (linux("amd64"), linux("amd64"), Some("linux/amd64")),
        (linux("amd64"), variant("amd64", "v1"), Some("linux/amd64")),
        (linux("arm64"), variant("arm64", "v8"), Some("linux/arm64")),
        (variant("arm", "v7"), linux("arm"), Some("linux/arm")),
        (variant("arm", "v6"), variant("arm", "v6"), Some("linux/arm/v6")),
        (variant("arm", "v6"), variant("arm", "v7"), None),
        (linux("amd64"), variant("amd64", "v3"), None),
        (linux("amd64"), json!({ "architecture": "amd64", "os": "windows" }), None),
        (
            json!({ "architecture": "amd64", "os": "windows", "os.version": "10.0.17763.1" }),
            json!({ "architecture": "amd64", "os": "windows", "os.version": "10.0.20348.1" }),
            None,
        ),
        (
            json!({ "architecture": "unknown", "os": "unknown" }),
            json!({ "architecture": "unknown", "os": "unknown" }),
            None,
        ),
    ] {
        let joined = index(&[image("one", one.clone()), image("other", other.clone())], ManifestType::Oci);
        let refused = joined.err().map(|error| error.to_string());
        let expected = platform.map(|platform| format!("one and other are both for {platform}"));
        assert_eq!(refused, expected, "{one} {other}");
    }
}

#[test]
fn the_same_image_is_named_once() {
    let parts = [image("amd64", linux("amd64")), image("amd64", linux("amd64"))];
    assert_eq!(index(&parts, ManifestType::Oci).unwrap(), index(&parts[..1], ManifestType::Oci).unwrap());
}

#[test]
fn a_manifest_list_names_manifests_of_docker_alone() {
    let docker = part("docker", MediaType::DOCKER_MANIFEST, Some(linux("amd64")));
    let list = index(std::slice::from_ref(&docker), ManifestType::Docker).unwrap();
    assert!(Manifest::parse(&list, Some(&MediaType::DOCKER_LIST.into())).is_ok());
    let mixed = [docker, image("oci", linux("arm64"))];
    assert!(index(&mixed, ManifestType::Oci).is_ok());
    let refused = index(&mixed, ManifestType::Docker);
    assert!(matches!(refused, Err(JoinError::NotDocker { name, .. }) if name == "oci"));
}
