//! What is taken for a manifest is one: of one shape, of digests and sizes that clients can read, and nothing else.
//!
//! The input is the manifest.
#![no_main]

use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::listing::{Listing, Referrers};
use contract::manifest::{Content, Manifest, ManifestError};
use contract::media::MediaType;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};

const TYPES: [&str; 4] =
    [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX, MediaType::DOCKER_MANIFEST, MediaType::DOCKER_LIST];

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(manifest) = Manifest::parse(input, None) else {
        // A name from outside makes no manifest of what is none, but for its shape.
        for named in TYPES.map(MediaType::from) {
            assert!(Manifest::parse(input, Some(&named)).is_err());
        }
        return Corpus::Keep;
    };
    shape(&manifest);
    named(input, &manifest);
    let text = str::from_utf8(input).expect("a manifest is text");
    // Only numbers that nobody reads may be too large for it.
    match serde_json::from_str::<Value>(text) {
        Ok(document) => assert_eq!(manifest.children().count(), count(&document)),
        Err(error) => assert!(error.to_string().starts_with("number out of range"), "{error}"),
    }
    for descriptor in manifest.children().chain(&manifest.subject) {
        readable(descriptor);
    }
    let again = Manifest::parse(written(&manifest).to_string().as_bytes(), None);
    assert_eq!(again.expect("it is written as one"), manifest);
    listed(input, &manifest);
    Corpus::Keep
});

fn shape(manifest: &Manifest) {
    let media_type = manifest.media_type();
    assert!(media_type.is_manifest() && TYPES.contains(&media_type.as_str()), "{media_type}");
    assert_eq!(media_type.is_index(), matches!(manifest.content, Content::Index { .. }));
}

/// The name that it came under changes nothing, or is refused; it decides only where the manifest is silent.
fn named(input: &[u8], manifest: &Manifest) {
    for named in TYPES.map(MediaType::from) {
        match Manifest::parse(input, Some(&named)) {
            Ok(other) => {
                assert_eq!(*other.media_type(), named);
                assert_eq!((&other.content, &other.subject), (&manifest.content, &manifest.subject));
            }
            Err(ManifestError::Disagrees { stated, named }) => {
                assert_eq!(stated, *manifest.media_type());
                assert_ne!(stated, named);
            }
            Err(ManifestError::MediaType(refused)) => {
                assert_ne!(refused.is_index(), manifest.media_type().is_index());
            }
            Err(other) => panic!("{other}"),
        }
    }
    let guessed = MediaType::from("application/octet-stream");
    assert_eq!(Manifest::parse(input, Some(&guessed)).ok().as_ref(), Some(manifest));
}

fn count(document: &Value) -> usize {
    let long = |name: &str| document[name].as_array().map_or(0, Vec::len);
    long("layers") + long("manifests") + usize::from(document["config"].is_object())
}

fn readable(descriptor: &Descriptor) {
    let text = descriptor.digest.to_string();
    assert_eq!(text.parse::<Digest>().as_ref(), Ok(&descriptor.digest));
    // `int64` in the image spec, and in every client.
    assert!(i64::try_from(descriptor.size).is_ok(), "{} bytes", descriptor.size);
    let again: Descriptor = serde_json::from_value(json!(descriptor)).expect("it is written as one");
    assert_eq!(again, *descriptor);
}

fn written(manifest: &Manifest) -> Value {
    let mut document = json!({ "schemaVersion": 2, "mediaType": manifest.media_type() });
    match &manifest.content {
        Content::Image { config, layers } => {
            document["config"] = json!(config);
            document["layers"] = json!(layers);
        }
        Content::Index { entries } => document["manifests"] = json!(entries),
    }
    document["subject"] = json!(manifest.subject);
    document["artifactType"] = json!(manifest.artifact_type);
    document["annotations"] = json!(manifest.annotations);
    document
}

/// In a list of referrers it stands once, and the list is read as it is written.
fn listed(input: &[u8], manifest: &Manifest) {
    let digest = Digest::of(Algorithm::Sha256, input);
    let entry = Referrers::descriptor(digest, input.len() as u64, manifest);
    let mut list = Referrers::default();
    list.insert(entry.clone());
    list.insert(entry);
    assert_eq!(list.manifests().len(), 1);
    assert_eq!(Referrers::from_bytes(&list.to_bytes()).expect("it is a list"), list);
}
