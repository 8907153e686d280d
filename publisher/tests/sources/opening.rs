//! Opens sources, and reads all that they promise.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use contract::digest::Digest;
use contract::name::Reference;
use publisher::content::Content;
use publisher::image::Image;
use publisher::source::{ManifestType, Opened, SourceError, Wanted, open};

/// What tests want of a source; everything else by default.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) image: Option<&'a str>,
    pub(crate) published: &'a str,
    pub(crate) manifest_type: ManifestType,
    pub(crate) strict: bool,
}

pub(crate) const ASK: Ask<'static> =
    Ask { image: None, published: "acme/app:1", manifest_type: ManifestType::Docker, strict: false };

pub(crate) async fn at(source: &str, ask: Ask<'_>) -> Result<Opened, SourceError> {
    let references: [Reference; 1] = [ask.published.parse().unwrap()];
    let Ask { image, manifest_type, strict, .. } = ask;
    open(source, &Wanted { image, references: &references, manifest_type, strict }, &()).await
}

/// Opens bytes as a file of this name.
pub(crate) async fn named(name: &str, bytes: &[u8], ask: Ask<'_>) -> Result<Opened, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    // The open file is enough from here on.
    at(text(&path), ask).await
}

pub(crate) async fn bytes(bytes: &[u8], ask: Ask<'_>) -> Result<Opened, SourceError> {
    named("x.tar", bytes, ask).await
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// All blobs and manifests of an image, verified.
pub(crate) struct Whole {
    pub(crate) image: Image,
    pub(crate) content: BTreeMap<Digest, Bytes>,
}

pub(crate) async fn whole(opened: Result<Opened, SourceError>) -> Whole {
    let opened = opened.unwrap();
    let mut content = BTreeMap::new();
    for descriptor in &opened.image.blobs {
        let blob = Content { descriptor, from: &*opened.from, passed: &|_| () };
        let bytes = blob.open().await.unwrap().whole().await.unwrap();
        assert!(content.insert(descriptor.digest, bytes).is_none(), "each once");
    }
    for document in &opened.image.manifests {
        let known = |child: &Digest| {
            content.contains_key(child) || opened.image.foreign.iter().any(|foreign| foreign.digest == *child)
        };
        assert!(document.manifest.children().all(|child| known(&child.digest)), "children first");
        content.insert(document.descriptor.digest, document.bytes.clone());
    }
    Whole { image: opened.image, content }
}

/// The message, what it is caused by, and the hint, as a user reads them.
pub(crate) fn says(opened: Result<Opened, SourceError>) -> String {
    let error = opened.err().unwrap();
    let hint = error.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        said += &format!(": {error}");
        cause = error.source();
    }
    said + &hint
}
