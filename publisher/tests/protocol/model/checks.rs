//! What has to hold at every moment, and at every end.

use contract::key::Key;
use contract::listing::{Listing, TagList, V1Images, V1Tags};
use contract::name::Repository;
use contract::v1;
use futures_util::FutureExt;
use publisher::store::memory::{Memory, Objects};
use publisher::store::{Document, Store, When};
use tokio::runtime::Runtime;

use super::Scenario;
use super::programs::relists;
use crate::explore::{Checks, Conditions, Program, alone};
use crate::visible;

/// For one scenario.
pub(super) struct Expected<'a> {
    runtime: &'a Runtime,
    conditions: Conditions,
    scenario: &'a Scenario,
    programs: [Program; 2],
}

impl<'a> Expected<'a> {
    pub(super) fn new(runtime: &'a Runtime, conditions: Conditions, scenario: &'a Scenario) -> Self {
        Self { runtime, conditions, scenario, programs: (scenario.programs)() }
    }

    /// Without compare-and-swap the catalog may lack a repository until its next publication, and what one says of
    /// itself may be missing until it is published anew; the lists of tags are made from the store's own keys, and lack
    /// nothing.
    fn late(&self) -> fn(&Key) -> bool {
        if self.conditions == Conditions::Atomic {
            nothing
        } else {
            |key| matches!(key, Key::Catalog | Key::Search)
        }
    }

    /// Panics unless links, views, v1 tags and lists say the same, and tags point where they may; where the work is
    /// complete, all are there. Then leaves the store relisted.
    fn agrees(&self, store: &Memory, complete: bool, may_be_late: fn(&Key) -> bool) {
        self.runtime.block_on(visible::agrees(store));
        for (tag, samples) in &self.scenario.after {
            let target = self.runtime.block_on(visible::tag(store, NAME, tag));
            let target = target.map(|digest| samples.iter().any(|sample| sample.digest() == digest));
            let may_be_absent = !complete || self.scenario.removed == Some(*tag);
            assert!(target.unwrap_or(may_be_absent), "{tag} has another image, or is not there");
        }
        let before = store.objects();
        alone(&relists(), Conditions::Atomic, store);
        let after = store.objects();
        let differs = before.iter().filter(|(path, object)| after.get(*path) != Some(object));
        // Ids without a tag stay in v1 `images` until somebody relists.
        let differs = differs.filter(|(path, _)| {
            let key = Key::parse(path).unwrap();
            !matches!(key, Key::V1Images(_)) && !may_be_late(&key)
        });
        let differs: Vec<_> = differs.map(|(path, _)| path).collect();
        assert!(differs.is_empty() && before.len() == after.len(), "relist changes {differs:?}");
    }
}

const NAME: &str = "acme/app";

impl Checks for Expected<'_> {
    fn always(&self, store: &Memory) {
        if self.scenario.removed.is_some() {
            forget_removed(store);
        }
        if self.conditions != Conditions::Atomic {
            list_ids(store);
        }
        self.runtime.block_on(visible::is_whole(store));
    }

    fn ended(&self, store: &Memory) {
        let before = store.objects();
        self.agrees(store, true, self.late());
        if self.conditions != Conditions::Atomic {
            let store = restored(before);
            self.programs.iter().for_each(|it| alone(it, self.conditions, &store));
            self.agrees(&store, true, |key| *key == Key::Search);
        }
    }

    fn survived(&self, store: &Memory, dead: usize) {
        let before = store.objects();
        alone(&self.programs[dead], self.conditions, store);
        if self.scenario.removed.is_some() && dead == 1 {
            // Whose link is gone cannot be removed again.
            alone(&relists(), self.conditions, store);
        }
        self.agrees(store, true, self.late());
        let store = restored(before);
        alone(&relists(), self.conditions, &store);
        self.agrees(&store, false, nothing);
    }
}

fn nothing(_: &Key) -> bool {
    false
}

/// While somebody removes a tag, its name may be listed without it: takes such names from the list.
fn forget_removed(store: &Memory) {
    let name: Repository = NAME.parse().unwrap();
    let objects = store.objects();
    let key = Key::TagList(name.clone());
    let Some((_, bytes)) = objects.get(&key.path()) else { return };
    let mut list = TagList::from_bytes(bytes).unwrap();
    list.tags.retain(|tag| objects.contains_key(&Key::TagView(name.clone(), tag.clone()).path()));
    write(store, &key, &Document::new(list.to_bytes()));
}

/// Without compare-and-swap an id that is in v1 `tags` may be late in `images`: adds those.
fn list_ids(store: &Memory) {
    let name = v1::Repository::of(&NAME.parse().unwrap()).unwrap();
    let objects = store.objects();
    let [tags, images] = [Key::V1Tags(name.clone()), Key::V1Images(name)];
    let Some((_, bytes)) = objects.get(&tags.path()) else { return };
    let tags = V1Tags::from_bytes(bytes).unwrap();
    let mut list = V1Images::from_bytes(&objects[&images.path()].1).unwrap();
    tags.tags.into_values().for_each(|id| list.insert(id));
    write(store, &images, &Document::new(list.to_bytes()));
}

fn restored(objects: Objects) -> Memory {
    let store = Memory::new(60);
    for (path, (headers, bytes)) in objects {
        let media_type = Some(headers.content_type.as_str().into());
        write(&store, &Key::parse(&path).unwrap(), &Document { bytes, media_type });
    }
    store
}

fn write(store: &Memory, key: &Key, document: &Document) {
    let written = store.write(key, document, When::Always).now_or_never();
    written.expect("memory is never waited for").unwrap();
}
