//! The contents that a store may have, each by a number, and what each operation makes of each.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use bytes::Bytes;
use contract::key::Key;
use contract::media::MediaType;
use futures_util::FutureExt;
use publisher::store::memory::{Memory, Objects, Times};
use publisher::store::{Document, Store, When};

use super::turns::{Operation, Outcome, at, tick};

/// How long caches may keep what changes; any number will do.
const CHANGING_TTL: u32 = 60;

/// Values by number; the same text has the same number.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    values: Vec<T>,
    numbers: HashMap<String, u32>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: fmt::Display> Numbered<T> {
    pub(super) fn number(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap();
        let number = *self.numbers.entry(value.to_string()).or_insert(next);
        if number == next {
            self.values.push(value);
        }
        number
    }

    pub(super) fn get(&self, number: u32) -> &T {
        &self.values[number as usize]
    }
}

/// All that was ever asked of a store, and answered.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) operations: Numbered<Operation>,
    pub(super) outcomes: Numbered<Outcome>,
}

/// Keys with what is there, both by number, and since which tick, in the order of the keys' numbers.
type Content = Rc<[(u32, u32, u32)]>;

/// All contents that were met.
#[derive(Debug, Default)]
pub(super) struct Stores {
    keys: Vec<(Key, String)>,
    key_numbers: HashMap<Key, u32>,
    documents: Vec<Document>,
    document_numbers: HashMap<(Bytes, Option<MediaType>), u32>,
    contents: Vec<Content>,
    numbers: HashMap<Content, u32>,
    effects: HashMap<(u32, u32, u32), (u32, u32)>,
    /// What is written from this tick on is told to be of this tick.
    young: Option<u32>,
}

impl Stores {
    pub(super) fn is_young_from(&mut self, tick: u32) {
        self.young = Some(tick);
    }

    pub(super) fn young(&self) -> u32 {
        self.young.unwrap_or(u32::MAX)
    }

    /// How many.
    pub(super) fn count(&self) -> usize {
        self.contents.len()
    }

    /// A sum over the different contents, without their times.
    pub(super) fn forms(&self) -> u64 {
        let form = |content: &Content| {
            let mut objects: Vec<_> = content
                .iter()
                .map(|(key, document, _)| {
                    (&self.keys[*key as usize].1, &self.documents[*document as usize].bytes)
                })
                .collect();
            objects.sort_unstable();
            let mut hasher = DefaultHasher::new();
            objects.hash(&mut hasher);
            hasher.finish()
        };
        let forms: HashSet<u64> = self.contents.iter().map(form).collect();
        forms.into_iter().fold(0, u64::wrapping_add)
    }

    /// The number of a content.
    pub(super) fn number(&mut self, store: &Memory) -> u32 {
        let content = self.numbered(&store.objects(), &store.times());
        self.number_of(content)
    }

    /// A store with this content.
    pub(super) fn memory(&self, store: u32) -> Memory {
        self.part((store, 0), |_, _| true)
    }

    /// What an operation answers and leaves behind.
    pub(super) fn carry_out(
        &mut self,
        (store, now): (u32, u32),
        operation: u32,
        words: &mut Words,
    ) -> (u32, u32) {
        let asked = words.operations.get(operation);
        let now = if matches!(asked, Operation::Now) { now } else { now.min(self.young()) };
        if let Some(&effect) = self.effects.get(&(store, now, operation)) {
            return effect;
        }
        let part = self.part((store, now), |key, path| asked.concerns(key, path));
        let outcome = asked.carry_out(&part);
        let mut after = store;
        if !asked.only_looks() {
            let kept = self.contents[store as usize].iter().filter(|(key, ..)| {
                let (key, path) = &self.keys[*key as usize];
                !asked.concerns(key, path)
            });
            let mut content: Vec<_> = kept.copied().collect();
            content.extend(self.numbered(&part.objects(), &part.times()));
            after = self.number_of(content);
        }
        let effect = (words.outcomes.number(outcome), after);
        self.effects.insert((store, now, operation), effect);
        effect
    }

    fn part(&self, (store, now): (u32, u32), wanted: impl Fn(&Key, &str) -> bool) -> Memory {
        let memory = Memory::new(CHANGING_TTL).with_clock(move || at(now));
        for (key, document, since) in &*self.contents[store as usize] {
            let (key, path) = &self.keys[*key as usize];
            if wanted(key, path) {
                let written = memory.write(key, &self.documents[*document as usize], When::Always);
                written.now_or_never().expect("memory is never waited for").unwrap();
                memory.date(key, at(*since));
            }
        }
        memory
    }

    fn numbered(&mut self, objects: &Objects, times: &Times) -> Vec<(u32, u32, u32)> {
        let mut content = Vec::with_capacity(objects.len());
        for (path, (headers, bytes)) in objects {
            let key = Key::parse(path).unwrap();
            let next = u32::try_from(self.keys.len()).unwrap();
            let key_number = *self.key_numbers.entry(key.clone()).or_insert(next);
            if key_number == next {
                self.keys.push((key, path.clone()));
            }
            // Where the type follows from the key, writing leaves it aside.
            let media_type = Some(MediaType::from(headers.content_type.as_str()));
            let next = u32::try_from(self.documents.len()).unwrap();
            let parts = (bytes.clone(), media_type.clone());
            let document = *self.document_numbers.entry(parts).or_insert(next);
            if document == next {
                self.documents.push(Document { bytes: bytes.clone(), media_type });
            }
            content.push((key_number, document, tick(times[path]).min(self.young())));
        }
        content
    }

    fn number_of(&mut self, mut content: Vec<(u32, u32, u32)>) -> u32 {
        content.sort_unstable();
        let content: Content = content.into();
        let next = u32::try_from(self.contents.len()).unwrap();
        let number = *self.numbers.entry(content.clone()).or_insert(next);
        if number == next {
            self.contents.push(content);
        }
        number
    }
}
