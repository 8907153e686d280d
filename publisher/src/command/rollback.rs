//! `rollback`: a tag back to where it pointed.

use super::Context;
use super::history::{of, tagged};
use super::naming::Naming;
use crate::announce::Action;
use crate::cli::{Fixed, Rollback};
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::history::{self, HistoryError};
use crate::stored::Stored;

/// Runs it.
pub(super) async fn run(args: &Rollback, context: &Context<'_>) -> Result<(), CommandError> {
    let wanted = tagged(&args.reference, args.keep_host)?;
    let announcing = context.announcing(false)?;
    let opened = context.open(&args.store, false).await?;
    let store = &*opened.store;
    let derive = Derive { store, v1_platform: &context.settings.v1_platform };
    let changes = context
        .guarded(store, async {
            let history = of(derive, &wanted, context.settings.jobs).await?;
            let picked = match &args.digest {
                Some(text) => history::named(&history, text),
                None => history::previous(&history),
            };
            let failed = |source| CommandError::History { tag: wanted.to_string(), source };
            let past = picked.map_err(failed)?;
            let gone = || failed(HistoryError::Gone(past.digest));
            past.image.as_ref().ok_or_else(gone)?;
            let root = derive.root(past.digest).await?.ok_or_else(gone)?;
            let naming = Naming {
                from: &Stored(store),
                root,
                action: Action::RolledBack,
                references: std::slice::from_ref(&wanted),
                fixed: &Fixed::default(),
            };
            naming.run(&opened, context).await
        })
        .await?;
    context.announce(&announcing, store, &changes).await
}
