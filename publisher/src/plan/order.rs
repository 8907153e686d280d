//! The order of writing: each function is a part of it, and they are called in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::listing::{Listing, Referrers, v1_tag};
use contract::name::{Repository, Tag};
use contract::v1;

use super::{Change, Existing, Plan, Step, Target, Wish};
use crate::describe;
use crate::grace::Grace;
use crate::image::{self, Image};
use crate::immutable::Refusal;
use crate::store::Document;

/// Plans a publication: content, then what names it, then the tag links, then what is derived from them.
///
/// # Errors
/// When a tag must not be moved and points elsewhere. Then no other one is moved either.
pub fn plan(wish: &Wish<'_>, existing: &Existing) -> Result<Plan, Refusal> {
    refuse(wish, existing)?;
    let mut plan = Plan { since: existing.since, grace: wish.grace, ..Plan::default() };
    let image = wish.image;
    if existing.agrees {
        plan.reused.clone_from(&image.blobs);
        remember(&mut plan, image);
        return Ok(plan);
    }
    let new: Vec<&Target> = wish
        .targets
        .iter()
        .filter(|target| !existing.is_whole(&target.repository, &image.root.digest))
        .collect();
    plan.relied = relied(wish, existing, new.is_empty());
    refresh(&mut plan, existing);
    if new.is_empty() {
        plan.reused.clone_from(&image.blobs);
    } else {
        blobs(&mut plan, image, existing);
    }
    remember(&mut plan, image);
    let mut links = layer_links(image, &new);
    let v1: Vec<_> = match wish.chain() {
        chain if existing.has_chain(chain) => Vec::new(),
        chain => chain.iter().filter(|image| !existing.has_v1(image)).collect(),
    };
    links.extend(v1_layers(&v1, existing));
    plan.phase("layer links, v1 layers", links);
    manifests(&mut plan, image, &new);
    v1_documents(&mut plan, &v1);
    commit(&mut plan, wish, existing);
    let (views, lists) = derived(wish, existing);
    plan.phase("tag views, v1 tags", views);
    plan.phase("listings", lists);
    Ok(plan)
}

/// What this publication takes for there. A revision link with its view, and the last v1 ancestry, stand for all that is
/// below them: no collector removes that before them.
fn relied(wish: &Wish<'_>, existing: &Existing, whole: bool) -> BTreeSet<Key> {
    let root = &wish.image.root.digest;
    let held = wish.targets.iter().filter(|target| existing.is_whole(&target.repository, root));
    let mut relied: BTreeSet<Key> =
        held.flat_map(|target| Existing::marks(&target.repository, root)).collect();
    if !whole {
        let blobs = wish.image.blobs.iter().map(|blob| (Key::Blob(blob.digest), blob.size));
        relied.extend(blobs.filter(|(key, size)| existing.has(key, *size)).map(|(key, _)| key));
    }
    relied.extend(relied_of_v1(wish.chain(), existing));
    relied
}

fn relied_of_v1(chain: &[v1::Image], existing: &Existing) -> impl Iterator<Item = Key> {
    chain.iter().flat_map(|image| {
        let layer = Some(Key::V1Layer(image.id)).filter(|_| existing.has_v1_layer(image));
        Some(Key::V1Ancestry(image.id)).filter(|_| existing.has_v1(image)).into_iter().chain(layer)
    })
}

fn refresh(plan: &mut Plan, existing: &Existing) {
    // What nobody knows the age of may be old.
    let age = |key| existing.ages.get(key).copied().unwrap_or(Duration::MAX);
    let old = plan.relied.iter().filter(|key| plan.grace.is_old(age(key)));
    let steps = old.cloned().map(Step::Refresh).collect();
    plan.phase("what is there and old", steps);
}

fn refuse(wish: &Wish<'_>, existing: &Existing) -> Result<(), Refusal> {
    for (repository, tag) in wish.tags() {
        let there = existing.tags.get(&(repository.clone(), tag.clone())).copied();
        if let (Some(why), true) =
            (wish.immutable.why(tag), there.is_some_and(|there| there != wish.image.root.digest))
        {
            return Err(Refusal { repository: repository.clone(), tag: tag.clone(), there, why });
        }
    }
    Ok(())
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

/// What layers became is remembered when it is there.
fn remember(plan: &mut Plan, image: &Image) {
    let steps = image.compressed.iter().map(|layer| Step::Write(layer.key(), layer.document())).collect();
    plan.phase("memory of compressed layers", steps);
}

fn layer_links(image: &Image, targets: &[&Target]) -> Vec<Step> {
    let link = |repository: &Repository, blob: &Descriptor| {
        Step::Write(Key::LayerLink(repository.clone(), blob.digest), Document::link(&blob.digest))
    };
    targets.iter().flat_map(|target| image.blobs.iter().map(|blob| link(&target.repository, blob))).collect()
}

fn v1_layers(chain: &[&v1::Image], existing: &Existing) -> Vec<Step> {
    let step = |image: &v1::Image| match image.gzip_of {
        None => Step::Copy(Key::Blob(image.layer.digest), Key::V1Layer(image.id), image.layer.size),
        Some(diff_id) => Step::Gzip(image.layer.clone(), diff_id, Key::V1Layer(image.id)),
    };
    chain.iter().filter(|image| !existing.has_v1_layer(image)).map(|image| step(image)).collect()
}

/// Plans the v1 images of an image that is there already; nothing where the store lacks one of its layers.
pub fn v1_images(chain: &[v1::Image], existing: &Existing) -> Plan {
    let mut plan = Plan::default();
    let absent: Vec<&v1::Image> = chain.iter().filter(|image| !existing.has_v1(image)).collect();
    if !absent.is_empty()
        && absent.iter().all(|image| existing.has(&Key::Blob(image.layer.digest), image.layer.size))
    {
        // Whoever does not know how soon a store collects refreshes whatever is not new.
        plan = Plan { since: existing.since, grace: Grace::new(Grace::LEAST), ..plan };
        plan.relied = relied_of_v1(chain, existing).collect();
        refresh(&mut plan, existing);
        plan.phase("v1 layers", v1_layers(&absent, existing));
        v1_documents(&mut plan, &absent);
    }
    plan
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

fn v1_documents(plan: &mut Plan, chain: &[&v1::Image]) {
    let steps = |write: fn(&v1::Image) -> Step| chain.iter().map(|image| write(image)).collect();
    plan.phase(
        "v1 json",
        steps(|image| Step::Write(Key::V1Json(image.id), Document::new(image.json.clone()))),
    );
    plan.phase(
        "v1 ancestry",
        steps(|image| Step::Write(Key::V1Ancestry(image.id), Document::new(image.ancestry.clone()))),
    );
}

/// The history first, then the tag link: from there on, readers get the new image. Tags that must not be moved come
/// first: where somebody else was faster with one, none of the others has moved.
///
/// What the image says of itself is written before a tag shows it: then it is there whenever the tag is, and who
/// publishes the same again need not ask. No tag names it, so that it comes early hurts nobody.
fn commit(plan: &mut Plan, wish: &Wish<'_>, existing: &Existing) {
    let digest = wish.image.root.digest;
    let (mut marks, mut claims, mut moves) = (Vec::new(), Vec::new(), Vec::new());
    let said = describe::of(wish.image);
    let mut descriptions = Vec::new();
    for target in wish.targets {
        let name = &target.repository;
        let moved = target.tags.iter().any(|tag| !existing.points(name, tag, &digest));
        let said = said.clone().filter(|_| moved);
        descriptions.extend(said.map(|said| Step::List(Change::Description(name.clone(), said))));
        if target.tags.is_empty() && target.keep {
            marks.push(Step::Write(Key::Keep(name.clone(), digest), Document::link(&digest)));
        }
        for tag in target.tags.iter().filter(|tag| !existing.points(name, tag, &digest)) {
            let history = Key::TagHistoryLink(name.clone(), tag.clone(), digest);
            marks.push(Step::Write(history, Document::link(&digest)));
            match wish.immutable.why(tag) {
                Some(why) => claims.push(Step::Claim(name.clone(), tag.clone(), digest, why)),
                None => moves.push(Step::Move(name.clone(), tag.clone(), digest)),
            }
        }
    }
    plan.phase("tag history, keep marks", marks);
    plan.phase("descriptions", descriptions);
    plan.phase("tag links that must be new", claims);
    plan.phase("tag links", moves);
}

/// Views and v1 tags; listings. Where nothing exists, these are all that is derived from what is wished.
pub fn derived(wish: &Wish<'_>, existing: &Existing) -> (Vec<Step>, Vec<Step>) {
    let root = &wish.image.root;
    let (mut views, mut lists) = (Vec::new(), Vec::new());
    for target in wish.targets {
        let name = &target.repository;
        let v1 = target.v1().map(|repository| (repository, wish.v1.last().map(|top| top.id)));
        let (settled, moved): (Vec<&Tag>, Vec<&Tag>) =
            target.tags.iter().partition(|tag| existing.points(name, tag, &root.digest));
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
    (views, lists)
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
