//! `tag`: another name for an image that is in the store, in the same repository or in another one.

use super::inspect::resolve;
use super::naming::Naming;
use super::{Context, reference};
use crate::announce::Action;
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::stored::Stored;

/// Runs it.
pub(super) async fn run(args: &cli::Tag, context: &Context<'_>) -> Result<(), CommandError> {
    let from = reference(&args.from, args.keep_host)?;
    let parse = |text: &String| reference(text, args.keep_host);
    let references = args.reference.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let announcing = context.announcing(false)?;
    let opened = context.open(&args.store, false).await?;
    let store = &*opened.store;
    let derive = Derive { store, v1_platform: &context.settings.v1_platform };
    let changes = context
        .guarded(store, async {
            let absent = || CommandError::Absent(from.to_string());
            let digest = resolve(derive, &from).await?.ok_or_else(absent)?;
            let root = derive.root(digest).await?.ok_or_else(absent)?;
            let naming = Naming {
                from: &Stored(store),
                root,
                action: Action::Tagged,
                references: &references,
                fixed: &args.fixed,
            };
            naming.run(&opened, context).await
        })
        .await?;
    context.announce(&announcing, store, &changes).await
}
