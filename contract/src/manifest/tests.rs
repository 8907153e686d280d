//! Which bytes are which manifest.

use super::*;

fn descriptor(media_type: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"sha256:{}","size":2}}"#, "0".repeat(64))
}

fn image(fields: &str) -> String {
    let (config, layer) = (descriptor(MediaType::OCI_CONFIG), descriptor(MediaType::OCI_LAYER));
    format!(r#"{{"schemaVersion":2,{fields}"config":{config},"layers":[{layer}]}}"#)
}

fn index(fields: &str) -> String {
    format!(r#"{{"schemaVersion":2,{fields}"manifests":[{}]}}"#, descriptor(MediaType::OCI_MANIFEST))
}

fn stated(media_type: &str) -> String {
    format!(r#""mediaType":"{media_type}","#)
}

#[test]
fn the_type_is_stated_or_named_or_seen() {
    let parse = |text: &str, named: Option<&str>| {
        let named = named.map(MediaType::from);
        Manifest::parse(text.as_bytes(), named.as_ref()).unwrap().media_type().to_string()
    };
    assert_eq!(parse(&image(""), None), MediaType::OCI_MANIFEST);
    assert_eq!(parse(&index(""), None), MediaType::OCI_INDEX);
    assert_eq!(parse(&image(&stated(MediaType::DOCKER_MANIFEST)), None), MediaType::DOCKER_MANIFEST);
    assert_eq!(parse(&index(""), Some(MediaType::DOCKER_LIST)), MediaType::DOCKER_LIST);
    assert_eq!(parse(&image(""), Some("application/octet-stream")), MediaType::OCI_MANIFEST);
}

#[test]
fn what_clients_would_read_differently_is_refused() {
    let both = image(&format!(r#""manifests":[{}],"#, descriptor(MediaType::OCI_MANIFEST)));
    let refused = |text: &str, named: Option<&str>| {
        let named = named.map(MediaType::from);
        Manifest::parse(text.as_bytes(), named.as_ref()).unwrap_err()
    };
    assert!(matches!(refused(&both, None), ManifestError::Ambiguous));
    assert!(matches!(refused(&image(&stated(MediaType::OCI_INDEX)), None), ManifestError::MediaType(_)));
    assert!(matches!(
        refused(&index(&stated(MediaType::DOCKER_MANIFEST)), None),
        ManifestError::MediaType(_)
    ));
    assert!(matches!(refused(&image(&stated("text/plain")), None), ManifestError::MediaType(_)));
    assert!(matches!(refused(&index(""), Some(MediaType::OCI_MANIFEST)), ManifestError::MediaType(_)));
    let docker = image(&stated(MediaType::DOCKER_MANIFEST));
    assert!(matches!(refused(&docker, Some(MediaType::OCI_MANIFEST)), ManifestError::Disagrees { .. }));
    assert!(matches!(refused(r#"{"schemaVersion":1,"fsLayers":[]}"#, None), ManifestError::Schema1));
    assert!(matches!(refused(r#"{"schemaVersion":2}"#, None), ManifestError::Neither));
    for text in ["", "[]", "null", "{", r#"{"manifests":3}"#, r#"{"manifests":[{"size":-1}]}"#] {
        assert!(matches!(refused(text, None), ManifestError::Syntax(_)), "{text}");
    }
}

#[test]
fn what_is_no_text_is_refused_wherever_it_is() {
    let text = index(r#""unknown":"_","#);
    assert!(Manifest::parse(text.as_bytes(), None).is_ok());
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'_' { 0xcd } else { byte }).collect();
    assert!(matches!(Manifest::parse(&bytes, None), Err(ManifestError::Syntax(_))));
}

#[test]
fn children_are_the_config_and_the_layers() {
    let manifest = Manifest::parse(image("").as_bytes(), None).unwrap();
    let types: Vec<_> = manifest.children().map(|child| child.media_type.as_str()).collect();
    assert_eq!(types, [MediaType::OCI_CONFIG, MediaType::OCI_LAYER]);
    assert_eq!(manifest.referrer_type().unwrap().as_str(), MediaType::OCI_CONFIG);
    let artifact = Manifest::parse(image(r#""artifactType":"a/b","#).as_bytes(), None).unwrap();
    assert_eq!(artifact.referrer_type().unwrap().as_str(), "a/b");
}
