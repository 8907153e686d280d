//! Publishing, from an image to the store: look, plan, carry out, and see that what others did meanwhile agrees.

use contract::key::Key;
use contract::name::{Repository, Tag};

use crate::apply::Apply;
use crate::derive::Derive;
use crate::plan::{Plan, Wish, plan};
use crate::store::{SendError, StoreError};
use crate::survey::survey;

/// Looks at the store and plans. Writes nothing.
pub async fn prepare(derive: Derive<'_>, wish: &Wish<'_>, jobs: usize) -> Result<Plan, StoreError> {
    Ok(plan(wish, &survey(derive, wish, jobs).await?))
}

/// Carries the plan out, then reads each tag link again: where another publisher moved the tag meanwhile, its view, its
/// v1 tag and the lists are derived from the link anew, so that whoever was last leaves everything agreeing.
pub async fn publish(apply: Apply<'_>, wish: &Wish<'_>, plan: &Plan) -> Result<(), SendError> {
    apply.progress.begin(plan);
    apply.run(plan).await?;
    for target in wish.targets {
        for tag in &target.tags {
            agree(apply.derive, wish, &target.repository, tag).await?;
        }
    }
    Ok(())
}

async fn agree(
    derive: Derive<'_>,
    wish: &Wish<'_>,
    repository: &Repository,
    tag: &Tag,
) -> Result<(), StoreError> {
    let target = derive.target(&Key::TagLink(repository.clone(), tag.clone())).await?;
    if target != Some(wish.image.root.digest) {
        derive.settle(repository, tag).await?;
    }
    Ok(())
}
