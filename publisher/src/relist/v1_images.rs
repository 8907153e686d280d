//! Registry v1's images of what is in a store already. No tag shows them yet: who settles the tags does that.

use contract::key::Key;
use contract::v1;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::apply::{Applied, Apply, PublishError};
use crate::derive::Derive;
use crate::found::Found;
use crate::plan::{self, Step};
use crate::progress::Silent;
use crate::stored::Stored;
use crate::survey;
use crate::v1_chain::V1;

/// How often a plan is made anew.
const ROUNDS: u32 = 3;

/// Writes what is missing of them, and returns how many objects that were.
pub(super) async fn write(
    derive: Derive<'_>,
    found: &Found,
    wanted: V1,
    jobs: usize,
) -> Result<usize, PublishError> {
    let repositories = found.held().filter(|(name, _)| v1::Repository::of(name).is_some());
    let tags = repositories.flat_map(|(name, held)| held.tags.iter().map(move |tag| (name, tag)));
    let each = tags.map(|(name, tag)| of_tag(derive, Key::TagLink(name.clone(), tag.clone()), wanted));
    let written: Vec<usize> = stream::iter(each).buffer_unordered(jobs).try_collect().await?;
    Ok(written.into_iter().sum())
}

async fn of_tag(derive: Derive<'_>, link: Key, wanted: V1) -> Result<usize, PublishError> {
    let Some(digest) = derive.target(&link).await? else { return Ok(0) };
    let Some((_, manifest)) = derive.manifest(&digest).await? else { return Ok(0) };
    let chain = derive.chain(&manifest).await?;
    if !wanted.takes(&chain) {
        return Ok(0);
    }
    // There are other tags to work on meanwhile.
    let apply = Apply { from: &Stored(derive.store), derive, jobs: 1, progress: &Silent };
    for _ in 0..ROUNDS {
        let plan = plan::v1_images(&chain, &survey::chain(derive.store, &chain).await?);
        if matches!(apply.run(&plan).await?, Applied::Whole) {
            return Ok(plan.steps().filter(|step| !matches!(step, Step::Refresh(_))).count());
        }
    }
    // Somebody collects what this would name; the next `relist` finds what is left.
    Ok(0)
}
