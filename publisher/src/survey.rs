//! What is there already: asked in as few requests as tell it.

use contract::descriptor::Descriptor;
use contract::key::Key;
use contract::v1;

use crate::apply::SMALL_PER_JOB;
use crate::at_once::at_once;
use crate::derive::Derive;
use crate::grace::age;
use crate::listings;
use crate::plan::{self, Existing, Step, Wish};
use crate::store::{Looked, Store, StoreError};

/// Looks for the objects that decide what has to be written.
///
/// A revision link with its view says that all below it is there, and the last v1 ancestry the same of v1: so a
/// repeated publication asks for these and the tag links. Only when they are absent is each blob asked for; only when
/// nothing is absent, what is derived.
pub async fn survey(derive: Derive<'_>, wish: &Wish<'_>, jobs: usize) -> Result<Existing, StoreError> {
    let jobs = jobs * SMALL_PER_JOB;
    let mut existing = Existing { since: Some(derive.store.now().await?), ..Existing::default() };
    let root = wish.image.root.digest;
    let mut marks: Vec<Key> =
        wish.targets.iter().flat_map(|target| Existing::marks(&target.repository, &root)).collect();
    marks.extend(wish.chain().last().map(|top| Key::V1Ancestry(top.id)));
    look(derive.store, marks, jobs, &mut existing).await?;

    let asked = wish.tags().map(|(repository, tag)| async move {
        let target = derive.target(&Key::TagLink(repository.clone(), tag.clone())).await?;
        Ok::<_, StoreError>(target.map(|digest| ((repository.clone(), tag.clone()), digest)))
    });
    let found: Vec<_> = at_once(jobs, asked).await?;
    existing.tags.extend(found.into_iter().flatten());

    let mut contents = Vec::new();
    let whole = wish.targets.iter().all(|target| existing.is_whole(&target.repository, &root));
    if !whole {
        contents.extend(wish.image.blobs.iter().map(|blob| Key::Blob(blob.digest)));
    }
    let chain = if existing.has_chain(wish.chain()) { &[] } else { wish.chain() };
    contents.extend(chain.iter().rev().skip(1).map(|image| Key::V1Ancestry(image.id)));
    look(derive.store, contents, jobs, &mut existing).await?;
    // A v1 layer is made of a blob: there is none where that is not.
    let made = |layer: &Descriptor| whole || existing.has(&Key::Blob(layer.digest), layer.size);
    let perhaps = chain.iter().filter(|image| !existing.has_v1(image) && made(&image.layer));
    let layers = perhaps.map(|image| Key::V1Layer(image.id)).collect();
    look(derive.store, layers, jobs, &mut existing).await?;
    // Where nothing is compared, another publisher may have overwritten a name in a list: who comes next unites it anew.
    existing.agrees =
        existing.may_agree(wish) && derive.store.compares().await? && agrees(derive, wish, jobs).await?;
    Ok(existing)
}

/// What is there of v1 images, and of the layers of those that are not.
pub(crate) async fn chain(store: &dyn Store, chain: &[v1::Image]) -> Result<Existing, StoreError> {
    let mut existing = Existing { since: Some(store.now().await?), ..Existing::default() };
    look(store, chain.iter().map(|image| Key::V1Ancestry(image.id)).collect(), SMALL_PER_JOB, &mut existing)
        .await?;
    let absent = chain.iter().filter(|image| !existing.has_v1(image));
    let layers = absent.flat_map(|image| [Key::Blob(image.layer.digest), Key::V1Layer(image.id)]).collect();
    look(store, layers, SMALL_PER_JOB, &mut existing).await?;
    Ok(existing)
}

/// Whether all that is derived is there already. It is only looked at: what is wrong is derived anew from the link as
/// it stands then, not as it was found here.
async fn agrees(derive: Derive<'_>, wish: &Wish<'_>, jobs: usize) -> Result<bool, StoreError> {
    let (views, lists) = plan::derived(wish, &Existing::default());
    let holding = views.iter().chain(&lists).map(|step| holds(derive, step));
    let held: Vec<bool> = at_once(jobs, holding).await?;
    Ok(held.into_iter().all(|holds| holds))
}

async fn holds(derive: Derive<'_>, step: &Step) -> Result<bool, StoreError> {
    match step {
        Step::Write(key, document) => {
            Ok(derive.store.read(key).await?.is_some_and(|found| found.bytes == document.bytes))
        }
        Step::Delete(key) => Ok(derive.store.size(key).await?.is_none()),
        Step::List(change) => listings::holds(derive.store, change).await,
        Step::Refresh(_)
        | Step::Send(..)
        | Step::Create(..)
        | Step::Move(..)
        | Step::Claim(..)
        | Step::Copy(..)
        | Step::Gzip(..)
        | Step::Settle(..) => Ok(false),
    }
}

async fn look(
    store: &dyn Store,
    keys: Vec<Key>,
    jobs: usize,
    existing: &mut Existing,
) -> Result<(), StoreError> {
    let asked = keys.into_iter().map(|key| async move {
        let found = store.look(&key).await?;
        Ok::<_, StoreError>(found.map(|found| (key, found)))
    });
    let found: Vec<_> = at_once(jobs, asked).await?;
    let now = store.now().await?;
    for (key, Looked { size, modified, .. }) in found.into_iter().flatten() {
        existing.ages.insert(key.clone(), age(modified, now));
        existing.sizes.insert(key, size);
    }
    Ok(())
}
