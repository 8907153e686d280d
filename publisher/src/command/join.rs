//! `join`: one image index out of images that are in the store.

use bytes::Bytes;
use contract::descriptor::Descriptor;
use contract::digest::{Algorithm, Digest};

use super::inspect::resolve;
use super::naming::Naming;
use super::{Context, reference};
use crate::announce::Action;
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::join;
use crate::source::ManifestType;
use crate::stored::{Beside, Stored};

/// Runs it.
pub(super) async fn run(args: &cli::Join, context: &Context<'_>) -> Result<(), CommandError> {
    let target = reference(&args.reference, args.keep_host)?;
    let parse = |text: &String| reference(text, args.keep_host);
    let images = args.images.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let announcing = context.announcing(false)?;
    let opened = context.open(&args.store, false).await?;
    let store = &*opened.store;
    let derive = Derive { store, v1_platform: &context.settings.v1_platform };
    let changes = context
        .guarded(store, async {
            let mut parts = Vec::new();
            for image in &images {
                let absent = || CommandError::Absent(image.to_string());
                let digest = resolve(derive, image).await?.ok_or_else(absent)?;
                parts.extend(join::parts(derive, &image.to_string(), digest, 0).await?);
            }
            let index = Bytes::from(join::index(&parts, args.manifest_type)?);
            let root = described(&index, args.manifest_type);
            let from = Beside { digest: root.digest, bytes: index, rest: &Stored(store) };
            let references = std::slice::from_ref(&target);
            Naming { from: &from, root, action: Action::Tagged, references, fixed: &args.fixed }
                .run(&opened, context)
                .await
        })
        .await?;
    context.announce(&announcing, store, &changes).await
}

fn described(index: &Bytes, of: ManifestType) -> Descriptor {
    Descriptor::new(of.index().into(), Digest::of(Algorithm::Sha256, index), index.len() as u64)
}
