//! Opens sources, and reads all that they promise.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::path::Path;

use bytes::Bytes;
use contract::digest::Digest;
use contract::name::Reference;
use publisher::content::Content;
use publisher::image::Image;
use publisher::source::registry::Access;
use publisher::source::{
    Compress, Compression, Destination, ManifestType, Opened, SourceError, Wanted, open,
};

/// What tests want of a source; everything else by default.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) image: Option<&'a str>,
    pub(crate) published: &'a str,
    pub(crate) manifest_type: ManifestType,
    pub(crate) compression: Compression,
    pub(crate) strict: bool,
    pub(crate) to: &'a dyn Destination,
    pub(crate) verify: bool,
}

pub(crate) const ASK: Ask<'static> = Ask {
    image: None,
    published: "acme/app:1",
    manifest_type: ManifestType::Docker,
    compression: Compression::Keep,
    strict: false,
    to: &(),
    verify: false,
};

pub(crate) async fn at(source: &str, ask: Ask<'_>) -> Result<Opened, SourceError> {
    let references: [Reference; 1] = [ask.published.parse().unwrap()];
    let Ask { image, manifest_type, strict, .. } = ask;
    let compress = Compress::new(ask.compression, None).unwrap();
    let (to, references) = (ask.to, &references);
    let wanted = Wanted {
        image,
        references,
        manifest_type,
        compress,
        strict,
        to,
        verify: ask.verify,
        access: Access::default(),
    };
    open(source, &wanted, &()).await
}

/// Opens bytes as a file of this name.
pub(crate) async fn named(name: &str, bytes: &[u8], ask: Ask<'_>) -> Result<Opened, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    // The open file is enough from here on.
    at(text(&path), ask).await
}

/// Opens an archive, as a file that is read by position and as one that is read as it comes by: both give the same.
pub(crate) async fn bytes(bytes: &[u8], ask: Ask<'_>) -> Result<Opened, SourceError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tar");
    std::fs::write(&path, bytes).unwrap();
    let scanned = at(text(&path), ask).await.map(|opened| opened.image);
    // What is compressed is read as it comes by anyway.
    let packings = [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd"];
    let is_packed = packings.iter().any(|magic| bytes.starts_with(magic));
    if !is_packed && !bytes.is_empty() {
        std::fs::write(&path, zstd::encode_all(bytes, 1).unwrap()).unwrap();
    }
    let streamed = at(text(&path), ask).await;
    match (&scanned, &streamed) {
        (Ok(scanned), Ok(streamed)) => assert_eq!(format!("{scanned:?}"), format!("{:?}", streamed.image)),
        // Of several layers that are wrong, any may be told of.
        (Err(scanned), Err(streamed)) => {
            assert_eq!(discriminant(scanned), discriminant(streamed), "{scanned}, but {streamed}");
        }
        _ => panic!("scanned: {:?}, streamed: {:?}", scanned.err(), streamed.err()),
    }
    streamed
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
