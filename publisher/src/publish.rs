//! Publishing, from an image to the store: look, plan, carry out, and see that what others did meanwhile agrees.

use std::collections::BTreeSet;

use contract::key::Key;
use contract::name::{Repository, Tag};

use crate::apply::{Applied, Apply, PublishError};
use crate::claim::Claim;
use crate::derive::Derive;
use crate::listings;
use crate::plan::{Change, Plan, Step, Wish, plan};
use crate::remove;
use crate::store::{Kind, StoreError};
use crate::survey::survey;

/// How often a plan is made anew.
const ROUNDS: u32 = 5;

/// Looks at the store and plans. Writes nothing.
///
/// # Errors
/// [`PublishError::Refused`] where a wished tag must not be moved and points elsewhere.
pub async fn prepare(derive: Derive<'_>, wish: &Wish<'_>, jobs: usize) -> Result<Plan, PublishError> {
    Ok(plan(wish, &survey(derive, wish, jobs).await?)?)
}

/// Carries the plan out, then reads each tag link again: where another publisher moved the tag meanwhile, its view, its
/// v1 tag and the lists are derived from the link anew, so that whoever was last leaves everything agreeing.
pub async fn publish(apply: Apply<'_>, wish: &Wish<'_>, plan: &Plan) -> Result<(), PublishError> {
    apply.progress.begin(plan);
    if plan.phases.is_empty() {
        // Who writes nothing leaves nothing to derive: whoever moves a tag meanwhile does that.
        return Ok(());
    }
    let applied = until_whole(apply, wish, plan).await;
    if let Err(PublishError::Refused(_)) = applied {
        leave_whole(apply.derive, wish, plan).await?;
    }
    applied?;
    let tags: Vec<_> = wish.tags().collect();
    for (repository, tag) in tags {
        agree(apply.derive, wish, repository, tag).await?;
    }
    Ok(())
}

/// Where something was collected while it was relied on, or too much time has passed to rely on it, another plan is made
/// by what is there then. It finds all that was sent before.
async fn until_whole(apply: Apply<'_>, wish: &Wish<'_>, plan: &Plan) -> Result<(), PublishError> {
    let mut applied = apply.run(plan).await?;
    let mut why = None;
    for _ in 0..ROUNDS {
        match applied {
            Applied::Whole => return Ok(()),
            Applied::InVain(lacking) => why = lacking,
        }
        let plan = prepare(apply.derive, wish, apply.jobs).await?;
        apply.progress.begin(&plan);
        applied = apply.run(&plan).await?;
    }
    let others = || {
        let action = "publishing what others remove meanwhile".to_owned();
        StoreError { kind: Kind::Conflict, store: apply.derive.store.name(), action, source: None }
    };
    match applied {
        Applied::Whole => Ok(()),
        Applied::InVain(lacking) => Err(lacking.or(why).unwrap_or_else(others).into()),
    }
}

async fn agree(
    derive: Derive<'_>,
    wish: &Wish<'_>,
    repository: &Repository,
    tag: &Tag,
) -> Result<(), PublishError> {
    let digest = &wish.image.root.digest;
    let target = derive.target(&Key::TagLink(repository.clone(), tag.clone())).await?;
    if target != Some(*digest) {
        let settled = derive.settle(repository, tag).await?;
        if settled.shown.is_none() {
            // Somebody removed it, and perhaps took its name from the list before it was there.
            remove::unlist(derive.store, repository, tag).await?;
        }
        // Where the store compares, we had it, and somebody who may has moved it since.
        if let (Some(why), false) = (&wish.immutable.why(tag), derive.store.compares().await?) {
            Claim { repository, tag, digest, why }.check(derive).await?;
        }
    }
    Ok(())
}

/// Another publisher was faster with one of the tags. Those that are there by now, ours and others', show what they
/// point to and are listed, and so is the image that no tag names: nothing is half there that did not fail.
async fn leave_whole(derive: Derive<'_>, wish: &Wish<'_>, plan: &Plan) -> Result<(), StoreError> {
    let tags: Vec<_> = wish.tags().collect();
    for (name, tag) in tags {
        if derive.target(&Key::TagLink(name.clone(), tag.clone())).await?.is_some() {
            derive.settle(name, tag).await?;
            let change = Change::Tags(name.clone(), BTreeSet::from([tag.clone()]));
            listings::change(derive.store, &change).await?;
        }
    }
    for step in plan.steps() {
        if let Step::List(change @ (Change::Referrer(..) | Change::Catalog(_))) = step {
            listings::change(derive.store, change).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;
    use crate::look;
    use crate::source::{self, Told, Wanted};
    use crate::store::{self, Location, Options};
    use crate::verify::Verify;

    fn may_be_spawned<T: Send>(_: T) {}

    /// That it compiles is the test: nothing of it is polled.
    #[allow(dead_code, reason = "see above")]
    fn what_publishes_and_looks_may_be_spawned(
        (apply, derive): (Apply<'_>, Derive<'_>),
        (wish, plan): (&Wish<'_>, &Plan),
        (wanted, told): (&Wanted<'_>, &dyn Told),
        (location, options): (&Location, &Options<'_>),
        (repository, tag, verify): (&Repository, &Tag, &Verify<'_>),
    ) {
        may_be_spawned(source::open("", wanted, told));
        may_be_spawned(store::open(location, options));
        may_be_spawned(prepare(derive, wish, 1));
        may_be_spawned(publish(apply, wish, plan));
        may_be_spawned(derive.store.close());
        may_be_spawned(Image::load(apply.from, wish.image.root.clone(), true));
        may_be_spawned(look::repositories(derive.store, 1));
        may_be_spawned(look::tags(derive, repository, 1));
        may_be_spawned(remove::tag(derive, repository, tag));
        may_be_spawned(verify.run(None));
    }
}
