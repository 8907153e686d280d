//! The way back: under which path clients ask for an object.

use crate::key::Key;
use crate::name::Repository;

/// The path by which clients of `repository` ask for an object; `None` for what no client asks for. Blobs and the v1
/// images are the same in every repository.
pub fn path(repository: &Repository, key: &Key) -> Option<String> {
    Some(match key {
        Key::Blob(digest) => format!("/v2/{repository}/blobs/{digest}"),
        Key::DigestView(name, digest) => format!("/v2/{name}/manifests/{digest}"),
        Key::TagView(name, tag) => format!("/v2/{name}/manifests/{tag}"),
        Key::TagList(name) => format!("/v2/{name}/tags/list"),
        Key::Referrers(name, digest) => format!("/v2/{name}/referrers/{digest}"),
        Key::Catalog => "/v2/_catalog".to_owned(),
        Key::V1Images(name) => format!("/v1/repositories/{name}/images"),
        Key::V1Tags(name) => format!("/v1/repositories/{name}/tags"),
        Key::V1Tag(name, tag) => format!("/v1/repositories/{name}/tags/{tag}"),
        Key::V1Json(id) => format!("/v1/images/{id}/json"),
        Key::V1Ancestry(id) => format!("/v1/images/{id}/ancestry"),
        Key::V1Layer(id) => format!("/v1/images/{id}/layer"),
        Key::LayerLink(..)
        | Key::RevisionLink(..)
        | Key::TagLink(..)
        | Key::TagHistoryLink(..)
        | Key::Keep(..)
        | Key::Diff(..)
        | Key::Search
        | Key::Settings
        | Key::Probe
        | Key::Collector
        | Key::Lock
        | Key::Staged(_)
        | Key::Segment { .. } => return None,
    })
}
