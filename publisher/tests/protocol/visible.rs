//! What clients see in a store, checked to the last byte: every object names only objects that are there.

use std::collections::BTreeSet;

use contract::api::Request;
use contract::digest::{Algorithm, Digest};
use contract::key::{Key, Prefix};
use contract::listing::{Catalog, Listing, Referrers, TagList, V1Tags};
use contract::manifest::{Content, Manifest};
use contract::name::{Repository, Tag};
use contract::v1;
use publisher::store::Store;

/// All keys of the repositories, in v2 and in v1.
pub(crate) async fn keys(store: &dyn Store) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for prefix in [Prefix::Repositories, Prefix::V1Repositories] {
        keys.extend(store.list(&prefix).await.unwrap());
    }
    keys
}

/// Where the tag link points.
pub(crate) async fn tag(store: &dyn Store, repository: &str, tag: &str) -> Option<Digest> {
    let key = Key::TagLink(repository.parse().unwrap(), tag.parse().unwrap());
    let found = store.read(&key).await.unwrap()?;
    Some(str::from_utf8(&found.bytes).unwrap().parse().unwrap())
}

/// The bytes that a client gets for an API path.
async fn get(store: &dyn Store, path: &str) -> Option<Vec<u8>> {
    let Request::Object(key) = Request::parse(path) else { panic!("{path} is no object") };
    store.read(&key).await.unwrap().map(|found| found.bytes.to_vec())
}

async fn must(store: &dyn Store, path: &str) -> Vec<u8> {
    get(store, path).await.unwrap_or_else(|| panic!("{path} is named, but not there"))
}

/// Panics where anything visible names something that is not there or not right. Lists may lag behind the links, but
/// what they name is there.
pub(crate) async fn is_whole(store: &dyn Store) {
    whole(store, true).await;
}

/// The same while a collector removes a revision before its place in histories, which no client sees.
pub(crate) async fn is_whole_beside_a_collector(store: &dyn Store) {
    whole(store, false).await;
}

async fn whole(store: &dyn Store, with_history: bool) {
    for key in keys(store).await {
        match &key {
            Key::TagHistoryLink(..) if !with_history => {}
            Key::TagLink(name, _) | Key::TagHistoryLink(name, ..) => {
                let target = store.read(&key).await.unwrap().unwrap();
                let digest = str::from_utf8(&target.bytes).unwrap().parse().unwrap();
                assert!(
                    store.size(&Key::RevisionLink(name.clone(), digest)).await.unwrap().is_some(),
                    "{key}"
                );
            }
            Key::TagView(name, tag) => manifest(store, name, tag.as_str()).await,
            Key::RevisionLink(name, digest) => manifest(store, name, &digest.to_string()).await,
            Key::Referrers(name, digest) => referrers(store, name, digest).await,
            Key::TagList(name) => tag_list(store, name).await,
            Key::V1Tags(name) => v1_tags(store, name).await,
            Key::V1Tag(name, tag) => v1_tag(store, name, tag).await,
            _ => {}
        }
    }
    if let Some(catalog) = get(store, "/v2/_catalog").await {
        for name in Catalog::from_bytes(&catalog).unwrap().repositories {
            assert!(!store.list(&Prefix::Revisions(name.clone())).await.unwrap().is_empty(), "{name}");
        }
    }
}

/// As a client pulls it: all the way down.
async fn manifest(store: &dyn Store, name: &Repository, reference: &str) {
    let mut queue = vec![reference.to_owned()];
    while let Some(reference) = queue.pop() {
        let bytes = must(store, &format!("/v2/{name}/manifests/{reference}")).await;
        if let Ok(digest) = reference.parse::<Digest>() {
            assert_eq!(Digest::of(digest.algorithm(), &bytes), digest);
        }
        let by_sha256 = format!("/v2/{name}/manifests/{}", Digest::of(Algorithm::Sha256, &bytes));
        assert_eq!(
            must(store, &by_sha256).await,
            bytes,
            "clients ask again by the sha256 that they computed"
        );
        let manifest = Manifest::parse(&bytes, None).unwrap();
        match &manifest.content {
            Content::Index { entries } => queue.extend(entries.iter().map(|entry| entry.digest.to_string())),
            Content::Image { .. } => {
                for child in manifest.children() {
                    let blob = must(store, &format!("/v2/{name}/blobs/{}", child.digest)).await;
                    assert_eq!(Digest::of(child.digest.algorithm(), &blob), child.digest);
                    let link = Key::LayerLink(name.clone(), child.digest);
                    assert!(store.size(&link).await.unwrap().is_some(), "{link}: `distribution` asks for it");
                }
            }
        }
    }
}

async fn referrers(store: &dyn Store, name: &Repository, subject: &Digest) {
    let list = must(store, &format!("/v2/{name}/referrers/{subject}")).await;
    for referrer in Referrers::from_bytes(&list).unwrap().manifests() {
        manifest(store, name, &referrer.digest.to_string()).await;
    }
}

async fn tag_list(store: &dyn Store, name: &Repository) {
    let list = must(store, &format!("/v2/{name}/tags/list")).await;
    for tag in TagList::from_bytes(&list).unwrap().tags {
        manifest(store, name, tag.as_str()).await;
    }
}

async fn v1_tags(store: &dyn Store, name: &v1::Repository) {
    let tags = must(store, &format!("/v1/repositories/{name}/tags")).await;
    let images = must(store, &format!("/v1/repositories/{name}/images")).await;
    let images: Vec<serde_json::Value> = serde_json::from_slice(&images).unwrap();
    for (tag, id) in V1Tags::from_bytes(&tags).unwrap().tags {
        assert!(
            images.iter().any(|image| image["id"] == id.to_string()),
            "{name}:{tag} is in tags, not in images"
        );
        chain(store, &id.to_string()).await;
    }
}

async fn v1_tag(store: &dyn Store, name: &v1::Repository, tag: &Tag) {
    let id = must(store, &format!("/v1/repositories/{name}/tags/{tag}")).await;
    let id: String = serde_json::from_slice(&id).unwrap();
    chain(store, &id).await;
}

async fn chain(store: &dyn Store, id: &str) {
    let ancestry: Vec<String> =
        serde_json::from_slice(&must(store, &format!("/v1/images/{id}/ancestry")).await).unwrap();
    assert_eq!(ancestry[0], id);
    for (nth, id) in ancestry.iter().enumerate() {
        let json: serde_json::Value =
            serde_json::from_slice(&must(store, &format!("/v1/images/{id}/json")).await).unwrap();
        assert_eq!(json["id"], *id);
        assert_eq!(
            json.get("parent").and_then(|parent| parent.as_str()),
            ancestry.get(nth + 1).map(String::as_str)
        );
        must(store, &format!("/v1/images/{id}/layer")).await;
    }
}

/// Panics where what is derived differs from what the links say.
pub(crate) async fn agrees(store: &dyn Store) {
    is_whole(store).await;
    let keys = keys(store).await;
    for key in &keys {
        let Key::TagLink(name, tag) = key else { continue };
        let digest: Digest =
            str::from_utf8(&store.read(key).await.unwrap().unwrap().bytes).unwrap().parse().unwrap();
        let by_tag = must(store, &format!("/v2/{name}/manifests/{tag}")).await;
        assert_eq!(Digest::of(digest.algorithm(), &by_tag), digest, "{name}:{tag} shows what its link says");
        let listed = TagList::from_bytes(&must(store, &format!("/v2/{name}/tags/list")).await).unwrap();
        assert!(listed.tags.contains(tag), "{name}:{tag} is listed");
        let shown = crate::derive(store).shown(name, &digest).await.unwrap().unwrap();
        if let Some(v1) = v1::Repository::of(name) {
            let v1_tag = store.read(&Key::V1Tag(v1.clone(), tag.clone())).await.unwrap();
            let id = v1_tag.map(|found| serde_json::from_slice::<String>(&found.bytes).unwrap());
            assert_eq!(id, shown.v1.map(|id| id.to_string()), "{name}:{tag} in v1");
            let list = store.read(&Key::V1Tags(v1)).await.unwrap();
            let list = list.map(|found| V1Tags::from_bytes(&found.bytes).unwrap()).unwrap_or_default();
            assert_eq!(list.tags.get(tag).copied(), shown.v1, "{name}:{tag} in the list of v1");
        }
    }
}
