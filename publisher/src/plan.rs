//! The plan: which objects are written for an image, and in which order. Pure; its text is `--dry-run`.
//!
//! The order is the promise that nothing is ever half there: no object is written before every object that it names,
//! and the tag link, which everything visible hangs on, is written when all else is in place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use contract::description::Description;
use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::key::Key;
use contract::name::{Reference, Repository, Tag};
use contract::v1;

use crate::grace::Grace;
use crate::image::Image;
use crate::immutable::{Immutable, Why};
use crate::store::Document;

mod order;
mod show;

pub use order::{derived, plan, v1_images};

/// What is to be published, and under which names.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The image.
    pub image: &'a Image,
    /// Its names.
    pub targets: &'a [Target],
    /// Its v1 images, base first; none where v1 is off or cannot hold it.
    pub v1: &'a [v1::Image],
    /// Which tags must not be moved.
    pub immutable: &'a Immutable,
    /// How long the store keeps what nothing names.
    pub grace: Grace,
}

impl Wish<'_> {
    /// All tags of all repositories.
    pub fn tags(&self) -> impl Iterator<Item = (&Repository, &Tag)> {
        self.targets.iter().flat_map(|target| target.tags.iter().map(|tag| (&target.repository, tag)))
    }

    /// Its v1 images, where one of its names can hold them.
    pub fn chain(&self) -> &[v1::Image] {
        if self.targets.iter().any(|target| target.v1().is_some()) { self.v1 } else { &[] }
    }
}

/// A repository with the tags to be moved there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub repository: Repository,
    /// Which tags; none to publish by digest alone.
    pub tags: BTreeSet<Tag>,
    /// Whether it is kept where no tag names it; else something else has to, as a signature is kept by what it signs.
    pub keep: bool,
}

impl Target {
    fn v1(&self) -> Option<v1::Repository> {
        v1::Repository::of(&self.repository)
    }
}

/// The tags by repository; `latest` for a reference that has neither tag nor digest.
pub fn targets(references: &[Reference]) -> Vec<Target> {
    let mut targets: BTreeMap<&Repository, BTreeSet<Tag>> = BTreeMap::new();
    for Reference { repository, tag, digest } in references {
        let tags = targets.entry(repository).or_default();
        match (tag, digest) {
            (Some(tag), _) => _ = tags.insert(tag.clone()),
            (None, None) => _ = tags.insert(Tag::latest()),
            (None, Some(_)) => {}
        }
    }
    let target =
        |(repository, tags): (&Repository, _)| Target { repository: repository.clone(), tags, keep: true };
    targets.into_iter().map(target).collect()
}

/// What the store holds already, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing {
    /// Sizes in bytes of the objects that were looked for and are there.
    pub sizes: BTreeMap<Key, u64>,
    /// How old they are.
    pub ages: BTreeMap<Key, Duration>,
    /// What the store's clock said before anything was looked for.
    pub since: Option<SystemTime>,
    /// Where the wished tags point.
    pub tags: BTreeMap<(Repository, Tag), Digest>,
    /// All that is wished is there, and all that is derived from it agrees.
    pub agrees: bool,
}

impl Existing {
    /// By the order of writing, a revision link is there only when all that its manifest names is. The view is asked
    /// for too: `distribution` writes links alone.
    pub fn is_whole(&self, repository: &Repository, digest: &Digest) -> bool {
        Self::marks(repository, digest).iter().all(|mark| self.sizes.contains_key(mark))
    }

    /// The two objects that say that a manifest is there with all that it names.
    pub fn marks(repository: &Repository, digest: &Digest) -> [Key; 2] {
        [Key::RevisionLink(repository.clone(), *digest), Key::DigestView(repository.clone(), *digest)]
    }

    /// Whether what is wished may be there already, down to the tags: then it is worth looking at what is derived. A
    /// publication by digest alone renews its keep mark each time.
    pub fn may_agree(&self, wish: &Wish<'_>) -> bool {
        let root = &wish.image.root.digest;
        let whole = |target: &Target| !target.tags.is_empty() && self.is_whole(&target.repository, root);
        wish.targets.iter().all(whole)
            && (wish.chain().is_empty() || self.has_chain(wish.chain()))
            && wish.tags().all(|(repository, tag)| self.points(repository, tag, root))
    }

    fn points(&self, repository: &Repository, tag: &Tag, digest: &Digest) -> bool {
        self.tags.get(&(repository.clone(), tag.clone())) == Some(digest)
    }

    /// The last one's ancestry says that the whole chain is there.
    pub fn has_chain(&self, chain: &[v1::Image]) -> bool {
        chain.last().is_some_and(|top| self.has_v1(top))
    }

    /// Of what is made anew for v1, nobody knows the size before: that it is there is enough, since it is never half
    /// there.
    pub fn has_v1_layer(&self, image: &v1::Image) -> bool {
        let layer = Key::V1Layer(image.id);
        match image.gzip_of {
            None => self.has(&layer, image.layer.size),
            Some(_) => self.sizes.contains_key(&layer),
        }
    }

    /// Ancestries are written when every other object of the chain is there.
    pub fn has_v1(&self, image: &v1::Image) -> bool {
        self.sizes.contains_key(&Key::V1Ancestry(image.id))
    }

    /// Content exists when it is there in its full size.
    pub fn has(&self, key: &Key, size: u64) -> bool {
        self.sizes.get(key) == Some(&size)
    }
}

/// Phases that are carried out one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// None of them empty.
    pub phases: Vec<Phase>,
    /// Configs and layers that are there already.
    pub reused: Vec<Descriptor>,
    /// What was there already and says, or is, what this plan does not write.
    pub relied: BTreeSet<Key>,
    /// What the store's clock said before anything was looked for.
    pub since: Option<SystemTime>,
    /// How long the store keeps what nothing names.
    pub grace: Grace,
}

/// Steps that do not depend on each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// For people.
    pub title: &'static str,
    /// In any order, at the same time.
    pub steps: Vec<Step>,
}

/// One thing to do to the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// What is there already becomes young: nobody collects it.
    Refresh(Key),
    /// Content from the source.
    Send(Key, Descriptor),
    /// A small object, over whatever is there.
    Write(Key, Document),
    /// A small object, only where nothing is.
    Create(Key, Document),
    /// The link of a tag, wherever it pointed.
    Move(Repository, Tag, Digest),
    /// The link of a tag that must not be moved: only where there is none.
    Claim(Repository, Tag, Digest, Why),
    /// A copy inside the store, of this many bytes.
    Copy(Key, Key, u64),
    /// A layer of v1: gzip of the tar, of this digest, that a blob holds.
    Gzip(Descriptor, Digest, Key),
    /// An object that must not be there any longer.
    Delete(Key),
    /// A tag points there already: see that what is derived from it agrees.
    Settle(Repository, Tag),
    /// A change of a listing.
    List(Change),
}

/// A change of a listing that others change at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These tags are there.
    Tags(Repository, BTreeSet<Tag>),
    /// This manifest refers to that digest.
    Referrer(Repository, Digest, Box<Descriptor>),
    /// This repository is there.
    Catalog(Repository),
    /// This is what it says of itself.
    Description(Repository, Description),
    /// In v1 these tags have these ids, or none.
    V1(v1::Repository, BTreeMap<Tag, Option<v1::Id>>),
}

impl Plan {
    /// Adds a phase, unless there is nothing to do in it.
    fn phase(&mut self, title: &'static str, steps: Vec<Step>) {
        if !steps.is_empty() {
            self.phases.push(Phase { title, steps });
        }
    }

    /// All steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// What is to be sent, in bytes.
    pub fn bytes(&self) -> u64 {
        let sent = |step: &Step| match step {
            Step::Send(_, descriptor) => descriptor.size,
            Step::Refresh(_)
            | Step::Write(..)
            | Step::Create(..)
            | Step::Move(..)
            | Step::Claim(..)
            | Step::Copy(..)
            | Step::Gzip(..)
            | Step::Delete(_)
            | Step::Settle(..)
            | Step::List(_) => 0,
        };
        self.steps().map(sent).sum()
    }
}
