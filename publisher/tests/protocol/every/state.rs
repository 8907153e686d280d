//! What is in the store, what each program remembers, and time.
//!
//! A tick is a minute, the window, and the grace is the least that publishers trust: there the room between the times
//! is the smallest ([`publisher::grace`]). **Whole ticks lose nothing**: every guard compares the time between two steps
//! with whole minutes. Let every step of a schedule happen at the whole minute before it: of two steps, neither changes
//! places, and times that were at most, or at least, so many whole minutes apart still are. So each schedule in real time
//! is one in ticks, as long as every guard here lets its bound itself pass both ways.
//!
//! **No age is counted.** What is there may be of any age whenever somebody sees it, unless it is reserved: a publisher has
//! written it, or seen it within half the grace, and has begun less than the other half ago. Whatever ages objects really
//! have, they are seen so here, too.

use std::hash::{Hash, Hasher};

use publisher::grace::Grace;

use super::Protocol;

/// [`Grace::shift`] of the least grace.
pub(super) const SHIFT: u8 = minutes(Grace::LEAST.as_secs() / 8) - WINDOW;
/// [`Grace::WINDOW`].
pub(super) const WINDOW: u8 = minutes(Grace::WINDOW.as_secs());
/// [`Grace::trust`] of the least grace.
pub(super) const TRUST: u8 = minutes(Grace::LEAST.as_secs() / 4);
/// By how much half the grace, after which what was young may be over it, is longer.
const ROOM: u8 = minutes(Grace::LEAST.as_secs() / 2) - TRUST;

const fn minutes(seconds: u64) -> u8 {
    (seconds / 60) as u8
}

impl Protocol {
    /// How long after its first look a publisher has to fear for what was young then.
    pub(super) fn reserved(&self) -> u8 {
        self.trust + ROOM
    }

    /// A collector that has begun, or ended, so long ago is the same to everybody ever after.
    pub(super) fn long_ago(&self) -> u8 {
        2 * self.trust + WINDOW
    }
}

/// Objects, by [`bit`].
pub(super) type Set = u8;

/// Every one of them.
pub(super) const ALL: Set = 31;

/// The blob that both images have: a layer or a config.
pub(super) const LAYER: usize = 0;

/// What is written for an image without looking whether it is there: its manifest, view and layer links.
pub(super) const fn manifest(image: usize) -> usize {
    1 + 2 * image
}

/// The revision link of an image.
pub(super) const fn link(image: usize) -> usize {
    2 + 2 * image
}

pub(super) fn among(set: Set) -> impl Iterator<Item = usize> {
    (0..5).filter(move |object| set & bit(*object) != 0)
}

pub(super) const fn bit(object: usize) -> Set {
    1 << object
}

/// What lies below the revision link of an image.
pub(super) const fn parts(image: usize) -> Set {
    bit(LAYER) | bit(manifest(image))
}

/// Where a publisher is: what it does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    Begin,
    LookForLink,
    LookForLayer,
    RefreshLink,
    RefreshLayer,
    SendLayer,
    WriteManifest,
    Ask,
    Wait,
    LookAgain,
    Promise,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Publisher {
    pub(super) doing: Doing,
    /// Ticks since its first look, up to when nothing of it matters.
    pub(super) since: u8,
    /// What it has written, refreshed, or seen to be young.
    pub(super) young: Set,
    /// Whether the revision link was there, which stands for all below it.
    pub(super) whole: bool,
    /// Whether the revision link is there, so that the tag link is next.
    pub(super) linked: bool,
    /// Ticks that it has waited.
    pub(super) waited: u8,
    /// Whether the collector had looked before it was asked for, and has until the end of the wait to remove.
    pub(super) after_a_look: bool,
    /// What is to be looked for again.
    pub(super) look: Set,
}

/// Where a collector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Collecting {
    Listing,
    /// Removing what promises.
    Links,
    /// Removing the rest.
    Contents,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Collector {
    pub(super) collecting: Collecting,
    /// Ticks since it has begun, or ended; its document in the store says as much.
    pub(super) age: u8,
    /// What it has still to list: revision links by [`bit`], contents as one, tags.
    pub(super) unlisted: u8,
    /// What was old when it was listed.
    pub(super) old: Set,
    /// Images that stay, by their number.
    pub(super) roots: u8,
    /// What it has still to look at before it removes it.
    pub(super) look: Set,
    /// What it has looked at, and removes.
    pub(super) doomed: Set,
    /// Ticks since the first of these looks.
    pub(super) window: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) objects: Set,
    /// One that was there before, and those of the publishers.
    pub(super) tags: [bool; 3],
    pub(super) publishers: [Publisher; 2],
    pub(super) collector: Collector,
}

impl Publisher {
    pub(super) const NEW: Self = Self {
        doing: Doing::Begin,
        since: 0,
        young: 0,
        whole: false,
        linked: false,
        waited: 0,
        after_a_look: false,
        look: 0,
    };

    /// It remembers nothing any longer, but what it wrote is as young as it is.
    pub(super) fn ended(self) -> Self {
        Self { doing: Doing::Done, since: self.since, young: self.young, ..Self::NEW }.settled()
    }

    fn settled(self) -> Self {
        let is_over = matches!(self.doing, Doing::Done | Doing::Begin) && self.young == 0;
        Self { since: if is_over { 0 } else { self.since }, ..self }
    }

    fn later(self, protocol: &Protocol) -> Self {
        let since = (self.since + 1).min(protocol.reserved());
        let young = if since == protocol.reserved() { 0 } else { self.young };
        let waited = if self.doing == Doing::Wait { WINDOW } else { 0 };
        Self { since, young, waited, ..self }.settled()
    }
}

impl Collector {
    /// None, or one that died or has ended.
    pub(super) fn gone(collecting: Collecting, age: u8) -> Self {
        Self { collecting, age, unlisted: 0, old: 0, roots: 0, look: 0, doomed: 0, window: None }
    }

    /// Too late for what it has looked at and not removed: it looks at that again, if it has the time.
    pub(super) fn closed(self) -> Self {
        Self { look: self.look | self.doomed, doomed: 0, window: None, ..self }
    }

    fn later(self, protocol: &Protocol) -> Self {
        let this = Self { age: (self.age + 1).min(protocol.long_ago()), ..self };
        match self.window {
            Some(window) if window < WINDOW => Self { window: Some(window + 1), ..this },
            _ => this.closed(),
        }
    }
}

impl State {
    pub(super) fn all_there(&self, objects: Set) -> bool {
        self.objects & objects == objects
    }

    pub(super) fn is_there(&self, object: usize) -> bool {
        self.all_there(bit(object))
    }

    /// Whether an object may be past the grace.
    pub(super) fn may_be_over(&self, object: usize) -> bool {
        let reserved = self.publishers.iter().any(|publisher| publisher.young & bit(object) != 0);
        self.is_there(object) && !reserved
    }

    /// A tick later.
    pub(super) fn later(&self, protocol: &Protocol) -> Self {
        let publishers = self.publishers.map(|publisher| publisher.later(protocol));
        Self { publishers, collector: self.collector.later(protocol), ..*self }
    }
}

/// All of it in one number: most of the time goes into this.
impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let mut number = u128::from(self.objects);
        let mut add = |bits: u8, value: u8| number = number << bits | u128::from(value);
        self.tags.iter().for_each(|tag| add(1, u8::from(*tag)));
        for publisher in &self.publishers {
            add(4, publisher.doing as u8);
            add(4, publisher.since);
            add(5, publisher.young);
            add(5, publisher.look);
            let flags = [publisher.whole, publisher.linked, publisher.waited > 0, publisher.after_a_look];
            flags.iter().for_each(|flag| add(1, u8::from(*flag)));
        }
        let collector = self.collector;
        add(2, collector.collecting as u8);
        add(4, collector.age);
        [collector.unlisted, collector.old, collector.roots, collector.look, collector.doomed]
            .iter()
            .for_each(|set| add(8, *set));
        add(2, collector.window.map_or(0, |window| window + 1));
        hasher.write_u128(number);
    }
}
