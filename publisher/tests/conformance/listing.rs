//! Listing keys.

use std::collections::BTreeSet;

use contract::key::{Key, Prefix};
use contract::name::Repository;
use contract::v1;
use futures_util::stream::{self, StreamExt};
use publisher::store::{Document, Store, When};

use crate::given::{blob, layer, tag_link};
use crate::subject::Subject;

async fn listed(store: &dyn Store, prefix: Prefix) -> Vec<Key> {
    let mut keys = store.list(&prefix).await.unwrap();
    keys.sort();
    keys
}

pub(crate) async fn exactly_the_keys_below_a_prefix_are_listed(Subject { store, sibling, .. }: &Subject) {
    let names: Vec<Repository> =
        ["acme", "acme/app", "acme/app2", "acme/app/tags"].map(|name| name.parse().unwrap()).into();
    for prefix in [Prefix::Repositories, Prefix::Tags(names[0].clone()), Prefix::V1Repositories] {
        assert_eq!(listed(&**store, prefix).await, []);
    }
    let mut tagged: Vec<Key> =
        names.iter().flat_map(|name| ["1", "latest"].map(|tag| tag_link(name.as_str(), tag))).collect();
    let lists: Vec<Key> = names.iter().cloned().map(Key::TagList).collect();
    let v1 = Key::V1Tags(v1::Repository::of(&names[1]).unwrap());
    let elsewhere = [blob(b""), layer(1), Key::Catalog, v1.clone()];
    for key in tagged.iter().chain(&lists).chain(&elsewhere) {
        store.write(key, &Document::new("a"), When::Always).await.unwrap();
    }
    for name in &names {
        let below: Vec<Key> =
            tagged.iter().filter(|key| matches!(key, Key::TagLink(of, _) if of == name)).cloned().collect();
        assert_eq!(listed(&**sibling, Prefix::Tags(name.clone())).await, below);
    }
    store.delete(&tagged.remove(0)).await.unwrap();
    let mut below = [tagged, lists].concat();
    below.sort();
    assert_eq!(listed(&**store, Prefix::Repositories).await, below);
    assert_eq!(listed(&**store, Prefix::V1Repositories).await, [v1]);
}

async fn folders(store: &dyn Store, prefix: Prefix) -> Vec<String> {
    store.folders(&prefix).await.unwrap().into_iter().collect()
}

pub(crate) async fn a_tree_is_gone_through_folder_by_folder(Subject { store, sibling, .. }: &Subject) {
    let names = ["acme", "acme/app", "acme/app/sub/deep", "acme2/app"];
    let [acme, app, sub, _] = names.map(|name| name.parse::<Repository>().unwrap());
    assert_eq!(folders(&**store, Prefix::Repositories).await, [""; 0]);
    let links = names.iter().flat_map(|name| ["1", "latest"].map(|tag| tag_link(name, tag)));
    let v1 = v1::Repository::of(&app).unwrap();
    for key in links.chain([Key::Catalog, Key::TagList(acme.clone()), Key::V1Tags(v1), blob(b"")]) {
        store.write(&key, &Document::new("a"), When::Always).await.unwrap();
    }
    for (prefix, expected) in [
        (Prefix::Repositories, &["acme", "acme2"][..]),
        (Prefix::Below(acme.clone()), &["_manifests", "app"]),
        (Prefix::Below(app), &["_manifests", "sub"]),
        (Prefix::Below("acme/app/sub".parse().unwrap()), &["deep"]),
        (Prefix::Below(sub), &["_manifests"]),
        (Prefix::Below("acme/ap".parse().unwrap()), &[]),
        (Prefix::Tags(acme.clone()), &["1", "latest"]),
        (Prefix::Manifests(acme.clone()), &["tags"]),
        (Prefix::V1Repositories, &["acme"]),
        (Prefix::V1Below(acme), &["app"]),
    ] {
        assert_eq!(folders(&**sibling, prefix.clone()).await, expected, "{}", prefix.path());
    }
}

/// More than any page of a list holds.
pub(crate) async fn folders_are_listed_however_many_there_are(Subject { store, .. }: &Subject) {
    let tags: BTreeSet<String> = (0..1100).map(|number| format!("v{number}")).collect();
    let write = async |tag: &String| {
        store.write(&tag_link("acme/app", tag), &Document::new("a"), When::Always).await.unwrap();
    };
    stream::iter(&tags).map(write).buffer_unordered(32).collect::<()>().await;
    let found = store.folders(&Prefix::Tags("acme/app".parse().unwrap())).await.unwrap();
    assert!(found == tags, "{} of {}", found.len(), tags.len());
}
