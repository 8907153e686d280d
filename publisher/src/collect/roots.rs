//! From where on things stay: what tags and keep marks name, and what is young.

use std::collections::BTreeSet;

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::listing::{Listing, TagList, V1Tags};
use contract::name::{Repository, Tag};
use contract::v1;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::graph::{Graph, Read};
use super::stock::{Held, Part, Stock};
use super::{Collect, Roots};
use crate::apply::SMALL_PER_JOB;
use crate::store::StoreError;

/// What one tag names.
#[derive(Default)]
struct Named {
    link: Option<Digest>,
    manifests: BTreeSet<Digest>,
    v1: Option<v1::Id>,
}

/// Reads all that roots are told by, and the manifests below them.
pub(super) async fn read(
    collect: &Collect<'_>,
    stock: &Stock,
    problems: &mut Vec<String>,
) -> Result<(Graph, Roots), StoreError> {
    let (mut graph, mut roots) = (Graph::default(), Roots::default());
    let jobs = collect.jobs * SMALL_PER_JOB;
    let mut tagged: BTreeSet<Digest> = BTreeSet::new();
    for (name, held) in &stock.repositories {
        let of = roots.manifests.entry(name.clone()).or_default();
        let young = held.revisions.iter().filter(|(_, item)| !item.is_old);
        of.extend(young.map(|(digest, _)| *digest).chain(held.keeps.iter().copied()));
        let tags = tags(collect, name, held).await?;
        let reading = tags.into_iter().map(|tag| tag_of(collect, name, tag));
        let named: Vec<Named> = stream::iter(reading).buffer_unordered(jobs).try_collect().await?;
        for named in named {
            of.extend(named.manifests);
            roots.v1.extend(named.v1);
            tagged.extend(named.link.filter(|_| v1::Repository::of(name).is_some()));
        }
        roots.v1.extend(v1_list(collect, name, held).await?);
    }
    let all = stock.repositories.values().flat_map(|held| held.revisions.keys().chain(held.views.keys()));
    let all = all.chain(roots.manifests.values().flatten());
    graph.read(collect.derive, all.copied().collect::<Vec<_>>(), jobs).await?;
    freeze(&graph, &mut roots, problems);
    if !stock.v1.is_empty() {
        v1_images(collect, stock, tagged, (&mut graph, &mut roots)).await?;
        if roots.v1_frozen {
            problems.push("a v1 ancestry cannot be read: no v1 image is removed".to_owned());
        }
    }
    Ok((graph, roots))
}

/// The tags that the store's list of keys has, and those that the tag list has: where a list of keys is late, the other
/// one knows.
async fn tags(collect: &Collect<'_>, name: &Repository, held: &Held) -> Result<BTreeSet<Tag>, StoreError> {
    let mut tags = held.tags.clone();
    if held.has_tag_list {
        let found = collect.derive.store.read(&Key::TagList(name.clone())).await?;
        tags.extend(
            found.and_then(|found| TagList::from_bytes(&found.bytes).ok()).into_iter().flat_map(|it| it.tags),
        );
    }
    Ok(tags)
}

async fn tag_of(collect: &Collect<'_>, name: &Repository, tag: Tag) -> Result<Named, StoreError> {
    let store = collect.derive.store;
    let link = collect.derive.target(&Key::TagLink(name.clone(), tag.clone())).await?;
    let mut named = Named { link, manifests: link.into_iter().collect(), v1: None };
    if let Some(view) = store.read(&Key::TagView(name.clone(), tag.clone())).await? {
        let is_links = link.is_some_and(|link| Digest::of(link.algorithm(), &view.bytes) == link);
        if !is_links {
            named.manifests.insert(Digest::of(Algorithm::Sha256, &view.bytes));
        }
    }
    if let Some(v1) = v1::Repository::of(name) {
        let found = store.read(&Key::V1Tag(v1, tag)).await?;
        named.v1 = found.and_then(|found| serde_json::from_slice(&found.bytes).ok());
    }
    Ok(named)
}

async fn v1_list(
    collect: &Collect<'_>,
    name: &Repository,
    held: &Held,
) -> Result<BTreeSet<v1::Id>, StoreError> {
    let Some(v1) = v1::Repository::of(name).filter(|_| held.has_v1_list) else { return Ok(BTreeSet::new()) };
    let found = collect.derive.store.read(&Key::V1Tags(v1)).await?;
    let list = found.and_then(|found| V1Tags::from_bytes(&found.bytes).ok()).unwrap_or_default();
    Ok(list.tags.into_values().collect())
}

/// Where nobody knows what a manifest names that a repository shows, all of the repository stays.
fn freeze(graph: &Graph, roots: &mut Roots, problems: &mut Vec<String>) {
    for (name, manifests) in &roots.manifests {
        for root in manifests {
            let why = match graph.manifests.get(root) {
                Some(Read::Names(_)) => continue,
                Some(Read::Unreadable) => "cannot be understood",
                Some(Read::Absent) | None => "is not there",
            };
            problems.push(format!("{name}@{root} {why}: nothing of {name} is removed"));
            roots.frozen.insert(name.clone());
        }
    }
}

/// v1 images that a tag names, those that the image of a tag has or would have, and young ones.
async fn v1_images(
    collect: &Collect<'_>,
    stock: &Stock,
    tagged: BTreeSet<Digest>,
    (graph, roots): (&mut Graph, &mut Roots),
) -> Result<(), StoreError> {
    let jobs = collect.jobs * SMALL_PER_JOB;
    let chains = tagged.into_iter().map(|digest| async move {
        let Some((_, manifest)) = collect.derive.manifest(&digest).await? else { return Ok(Vec::new()) };
        collect.derive.chain(&manifest).await
    });
    let chains: Vec<_> = stream::iter(chains).buffer_unordered(jobs).try_collect().await?;
    roots.v1.extend(chains.into_iter().flatten().map(|image| image.id));
    let young =
        stock.v1.iter().filter(|(_, parts)| parts.get(&Part::Ancestry).is_some_and(|item| !item.is_old));
    roots.v1.extend(young.map(|(id, _)| *id));
    graph.read_chains(collect.derive.store, roots.v1.iter().copied(), jobs).await?;
    roots.v1_frozen = graph.chains.values().any(Option::is_none);
    Ok(())
}
