//! The plan: which objects are written for an image, and in which order. Pure; its text is `--dry-run`.
//!
//! The order is the promise that nothing is ever half there: no object is written before every object that it names,
//! and the tag link, which everything visible hangs on, is written when all else is in place.

use std::collections::{BTreeMap, BTreeSet};

use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::listing::{Listing, Referrers, v1_tag};
use contract::name::{Repository, Tag};
use contract::v1;

use crate::image::{self, Image};
use crate::store::Document;

mod show;

/// What is to be published, and under which names.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The image.
    pub image: &'a Image,
    /// Its names.
    pub targets: &'a [Target],
    /// Its v1 images, base first; none where v1 is off or cannot hold it.
    pub v1: &'a [v1::Image],
}

/// A repository with the tags to be moved there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where.
    pub repository: Repository,
    /// Which tags; none to publish by digest alone.
    pub tags: BTreeSet<Tag>,
}

impl Target {
    fn v1(&self) -> Option<v1::Repository> {
        v1::Repository::of(&self.repository)
    }
}

/// What the store holds already, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing {
    /// Sizes in bytes of the objects that were looked for and are there.
    pub sizes: BTreeMap<Key, u64>,
    /// Where the wished tags point.
    pub tags: BTreeMap<(Repository, Tag), Digest>,
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

    /// The last one's ancestry is written when every object of the chain is there.
    pub fn has_chain(&self, chain: &[v1::Image]) -> bool {
        chain.last().is_some_and(|top| self.sizes.contains_key(&Key::V1Ancestry(top.id)))
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
    /// Content from the source.
    Send(Key, Descriptor),
    /// A small object, over whatever is there.
    Write(Key, Document),
    /// A small object, only where nothing is.
    Create(Key, Document),
    /// A copy inside the store, of this many bytes.
    Copy(Key, Key, u64),
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
    /// In v1 these tags have these ids, or none.
    V1(v1::Repository, BTreeMap<Tag, Option<v1::Id>>),
}

impl Plan {
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
            Step::Write(..)
            | Step::Create(..)
            | Step::Copy(..)
            | Step::Delete(_)
            | Step::Settle(..)
            | Step::List(_) => 0,
        };
        self.steps().map(sent).sum()
    }
}

/// Plans a publication: content, then what names it, then the tag links, then what is derived from them.
pub fn plan(wish: &Wish<'_>, existing: &Existing) -> Plan {
    let mut plan = Plan::default();
    let image = wish.image;
    let new: Vec<&Target> = wish
        .targets
        .iter()
        .filter(|target| !existing.is_whole(&target.repository, &image.root.digest))
        .collect();
    if new.is_empty() {
        plan.reused.clone_from(&image.blobs);
    } else {
        blobs(&mut plan, image, existing);
    }
    let mut links = layer_links(image, &new);
    let v1 = if existing.has_chain(wish.v1) || !wish.targets.iter().any(|target| target.v1().is_some()) {
        &[]
    } else {
        wish.v1
    };
    links.extend(v1_layers(v1, existing));
    plan.phase("layer links, v1 layers", links);
    manifests(&mut plan, image, &new);
    v1_documents(&mut plan, v1);
    commit(&mut plan, wish, existing);
    derived(&mut plan, wish, existing);
    plan
}

fn blobs(plan: &mut Plan, image: &Image, existing: &Existing) {
    let there = |blob: &&Descriptor| existing.has(&Key::Blob(blob.digest), blob.size);
    let (reused, sent): (Vec<_>, Vec<_>) = image.blobs.iter().partition(there);
    plan.reused = reused.into_iter().cloned().collect();
    plan.phase(
        "layers and configs",
        sent.into_iter().map(|blob| Step::Send(Key::Blob(blob.digest), blob.clone())).collect(),
    );
}

fn layer_links(image: &Image, targets: &[&Target]) -> Vec<Step> {
    let link = |repository: &Repository, blob: &Descriptor| {
        Step::Write(Key::LayerLink(repository.clone(), blob.digest), Document::link(&blob.digest))
    };
    targets.iter().flat_map(|target| image.blobs.iter().map(|blob| link(&target.repository, blob))).collect()
}

fn v1_layers(chain: &[v1::Image], existing: &Existing) -> Vec<Step> {
    chain
        .iter()
        .filter(|image| !existing.has(&Key::V1Layer(image.id), image.layer.size))
        .map(|image| Step::Copy(Key::Blob(image.layer.digest), Key::V1Layer(image.id), image.layer.size))
        .collect()
}

/// Children before parents: for each height above the leaves the documents, then their views, then their links.
fn manifests(plan: &mut Plan, image: &Image, targets: &[&Target]) {
    if targets.is_empty() {
        return;
    }
    for level in levels(image) {
        // A sha512 manifest is there under its sha256 too, for clients that compute that themselves. That name is
        // complete before its own is linked: where its own link is, nothing is looked for any longer.
        let twins: Vec<Named<'_>> = level.iter().filter_map(|document| twin(document)).collect();
        let own: Vec<Named<'_>> =
            level.iter().map(|document| (document.descriptor.digest, *document)).collect();
        let all = || twins.iter().chain(&own);
        let blob = |(digest, document): &Named<'_>| {
            Step::Write(Key::Blob(*digest), Document::new(document.bytes.clone()))
        };
        plan.phase("manifests", all().map(blob).collect());
        plan.phase("digest views, referrers", each(targets, all(), views));
        plan.phase("revision links of the sha256 names", each(targets, twins.iter(), link));
        plan.phase("revision links", each(targets, own.iter(), link));
    }
}

/// A manifest under one of its names.
type Named<'a> = (Digest, &'a image::Document);

fn twin(document: &image::Document) -> Option<Named<'_>> {
    match document.descriptor.digest.algorithm() {
        Algorithm::Sha256 => None,
        Algorithm::Sha512 => Some((Digest::of(Algorithm::Sha256, &document.bytes), document)),
    }
}

/// Steps for every manifest in every repository.
fn each<'a, 'b: 'a>(
    targets: &[&Target],
    named: impl Iterator<Item = &'a Named<'b>> + Clone,
    steps: impl Fn(&Repository, &Named<'_>) -> Vec<Step>,
) -> Vec<Step> {
    targets
        .iter()
        .flat_map(|target| named.clone().flat_map(|named| steps(&target.repository, named)))
        .collect()
}

fn views(repository: &Repository, (digest, document): &Named<'_>) -> Vec<Step> {
    let view = Document::view(document.bytes.clone(), document.manifest.media_type().clone());
    let empty = Document::new(Referrers::default().to_bytes());
    vec![
        Step::Write(Key::DigestView(repository.clone(), *digest), view),
        Step::Create(Key::Referrers(repository.clone(), *digest), empty),
    ]
}

fn link(repository: &Repository, (digest, _): &Named<'_>) -> Vec<Step> {
    vec![Step::Write(Key::RevisionLink(repository.clone(), *digest), Document::link(digest))]
}

/// The manifests by their height: those that name no manifest first, the root last.
fn levels(image: &Image) -> Vec<Vec<&image::Document>> {
    let mut heights: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut levels: Vec<Vec<&image::Document>> = Vec::new();
    for document in &image.manifests {
        let below = document.manifest.children().filter_map(|child| heights.get(&child.digest)).max();
        let height = below.map_or(0, |below| below + 1);
        heights.insert(document.descriptor.digest, height);
        if levels.len() <= height {
            levels.push(Vec::new());
        }
        levels[height].push(document);
    }
    levels
}

fn v1_documents(plan: &mut Plan, chain: &[v1::Image]) {
    let steps = |write: fn(&v1::Image) -> Step| chain.iter().map(write).collect();
    plan.phase(
        "v1 json",
        steps(|image| Step::Write(Key::V1Json(image.id), Document::new(image.json.clone()))),
    );
    plan.phase(
        "v1 ancestry",
        steps(|image| Step::Write(Key::V1Ancestry(image.id), Document::new(image.ancestry.clone()))),
    );
}

/// The history first, then the tag link: from there on, readers get the new image.
fn commit(plan: &mut Plan, wish: &Wish<'_>, existing: &Existing) {
    let digest = wish.image.root.digest;
    let (mut marks, mut links) = (Vec::new(), Vec::new());
    for target in wish.targets {
        let name = &target.repository;
        if target.tags.is_empty() {
            marks.push(Step::Write(Key::Keep(name.clone(), digest), Document::link(&digest)));
        }
        for tag in target.tags.iter().filter(|tag| !points(existing, name, tag, &digest)) {
            let history = Key::TagHistoryLink(name.clone(), tag.clone(), digest);
            marks.push(Step::Write(history, Document::link(&digest)));
            links.push(Step::Write(Key::TagLink(name.clone(), tag.clone()), Document::link(&digest)));
        }
    }
    plan.phase("tag history, keep marks", marks);
    plan.phase("tag links", links);
}

fn points(existing: &Existing, repository: &Repository, tag: &Tag, digest: &Digest) -> bool {
    existing.tags.get(&(repository.clone(), tag.clone())) == Some(digest)
}

/// Views and v1 tags, then listings.
fn derived(plan: &mut Plan, wish: &Wish<'_>, existing: &Existing) {
    let root = &wish.image.root;
    let (mut views, mut lists) = (Vec::new(), Vec::new());
    for target in wish.targets {
        let name = &target.repository;
        let v1 = target.v1().map(|repository| (repository, wish.v1.last().map(|top| top.id)));
        let (settled, moved): (Vec<&Tag>, Vec<&Tag>) =
            target.tags.iter().partition(|tag| points(existing, name, tag, &root.digest));
        views.extend(settled.into_iter().map(|tag| Step::Settle(name.clone(), tag.clone())));
        views.extend(moved.iter().flat_map(|tag| shown(wish.image, name, tag, v1.as_ref())));
        if !target.tags.is_empty() {
            lists.push(Step::List(Change::Tags(name.clone(), target.tags.clone())));
        }
        lists.extend(referrers(wish.image, name));
        lists.push(Step::List(Change::Catalog(name.clone())));
        if let Some((repository, id)) = v1.filter(|_| !moved.is_empty()) {
            let ids = moved.into_iter().map(|tag| (tag.clone(), id)).collect();
            lists.push(Step::List(Change::V1(repository, ids)));
        }
    }
    plan.phase("tag views, v1 tags", views);
    plan.phase("listings", lists);
}

/// What a tag that moved shows. A v1 tag that cannot follow goes: old Docker must never get the old image.
fn shown(
    image: &Image,
    repository: &Repository,
    tag: &Tag,
    v1: Option<&(v1::Repository, Option<v1::Id>)>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(root) = image.root_document() {
        let view = Document::view(root.bytes.clone(), root.manifest.media_type().clone());
        steps.push(Step::Write(Key::TagView(repository.clone(), tag.clone()), view));
    }
    if let Some((repository, id)) = v1 {
        let key = Key::V1Tag(repository.clone(), tag.clone());
        steps.push(match id {
            Some(id) => Step::Write(key, Document::new(v1_tag(*id))),
            None => Step::Delete(key),
        });
    }
    steps
}

fn referrers(image: &Image, repository: &Repository) -> Vec<Step> {
    let referrer = |document: &image::Document| {
        let subject = document.manifest.subject.as_ref()?.digest;
        let descriptor = &document.descriptor;
        let said = Referrers::descriptor(descriptor.digest, descriptor.size, &document.manifest);
        Some(Step::List(Change::Referrer(repository.clone(), subject, Box::new(said))))
    };
    image.manifests.iter().filter_map(referrer).collect()
}
