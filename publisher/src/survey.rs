//! What is there already: asked in as few requests as tell it.

use contract::key::Key;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::apply::SMALL_PER_JOB;
use crate::derive::Derive;
use crate::plan::{Existing, Wish};
use crate::store::{Store, StoreError};

/// Looks for the objects that decide what has to be written.
///
/// A revision link with its view says that all below it is there, and the last v1 ancestry the same of v1: so a
/// repeated publication asks for these and the tag links alone. Only when they are absent is each blob asked for.
pub async fn survey(derive: Derive<'_>, wish: &Wish<'_>, jobs: usize) -> Result<Existing, StoreError> {
    let jobs = jobs * SMALL_PER_JOB;
    let mut existing = Existing::default();
    let root = wish.image.root.digest;
    let mut marks: Vec<Key> =
        wish.targets.iter().flat_map(|target| Existing::marks(&target.repository, &root)).collect();
    marks.extend(wish.v1.last().map(|top| Key::V1Ancestry(top.id)));
    look(derive.store, marks, jobs, &mut existing).await?;

    let asked = wish.tags().map(|(repository, tag)| async move {
        let target = derive.target(&Key::TagLink(repository.clone(), tag.clone())).await?;
        Ok::<_, StoreError>(target.map(|digest| ((repository.clone(), tag.clone()), digest)))
    });
    let found: Vec<_> = stream::iter(asked).buffer_unordered(jobs).try_collect().await?;
    existing.tags.extend(found.into_iter().flatten());

    let mut contents = Vec::new();
    if !wish.targets.iter().all(|target| existing.is_whole(&target.repository, &root)) {
        contents.extend(wish.image.blobs.iter().map(|blob| Key::Blob(blob.digest)));
    }
    if !existing.has_chain(wish.v1) {
        contents.extend(wish.v1.iter().map(|image| Key::V1Layer(image.id)));
    }
    look(derive.store, contents, jobs, &mut existing).await?;
    Ok(existing)
}

async fn look(
    store: &dyn Store,
    keys: Vec<Key>,
    jobs: usize,
    existing: &mut Existing,
) -> Result<(), StoreError> {
    let asked = keys.into_iter().map(|key| async move {
        let size = store.size(&key).await?;
        Ok::<_, StoreError>(size.map(|size| (key, size)))
    });
    let found: Vec<_> = stream::iter(asked).buffer_unordered(jobs).try_collect().await?;
    existing.sizes.extend(found.into_iter().flatten());
    Ok(())
}
