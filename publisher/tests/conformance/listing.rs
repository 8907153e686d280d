//! Listing keys.

use contract::key::{Key, Prefix};
use contract::name::Repository;
use contract::v1;
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
