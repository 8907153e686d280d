//! Registry v1's images of what is in a store already. No tag shows them yet: who settles the tags does that.

use contract::key::Key;
use contract::name::Repository;
use contract::v1;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::Semaphore;

use crate::apply::{Applied, Apply, PublishError};
use crate::derive::Derive;
use crate::found::Held;
use crate::plan::{self, Step};
use crate::progress::Silent;
use crate::stored::Stored;
use crate::survey;
use crate::v1_chain::V1;

/// How often a plan is made anew.
const ROUNDS: u32 = 3;

/// Writes what is missing of a repository's, an image in each of the turns, which others have too. Returns how many
/// objects that were.
pub(super) async fn write(
    derive: Derive<'_>,
    name: &Repository,
    held: &Held,
    wanted: V1,
    (turns, jobs): (&Semaphore, usize),
) -> Result<usize, PublishError> {
    if !held.any() || v1::Repository::of(name).is_none() {
        return Ok(0);
    }
    let each = held.tags.iter().map(|tag| async move {
        let _turn = turns.acquire().await;
        of_tag(derive, Key::TagLink(name.clone(), tag.clone()), wanted).await
    });
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
