//! `remove`: a tag, or a manifest with all its tags.

use std::collections::BTreeSet;

use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::name::{Reference, Repository, Tag};

use super::{Context, Opened, reference};
use crate::announce::changes::{Changes, Event, Told};
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::remove;
use crate::settings::Rules;

/// Runs it.
pub(super) async fn run(args: &cli::Remove, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let wanted = reference(&args.reference, args.keep_host)?;
    if wanted.tag.is_none() && wanted.digest.is_none() {
        return Err(CommandError::Which(wanted.to_string()));
    }
    let announcing = context.announcing(false)?;
    let Opened { store, rules } = context.open(&args.from, false).await?;
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    let changes = context
        .guarded(&*store, async {
            let name = &wanted.repository;
            if !args.force {
                let tags = match (&wanted.digest, &wanted.tag) {
                    (_, Some(tag)) => BTreeSet::from([tag.clone()]),
                    (Some(digest), None) => remove::tags_of(derive, name, digest).await?,
                    (None, None) => BTreeSet::new(),
                };
                protect(name, &tags, &rules)?;
            }
            let changes = match (&wanted.digest, &wanted.tag) {
                (Some(digest), None) => manifest(derive, name, digest).await?,
                (expected, Some(tag)) => self::tag(derive, name, tag, *expected).await?,
                (None, None) => Changes::default(),
            };
            let removed: Vec<String> = changes.events.iter().map(|event| removed(event, &wanted)).collect();
            report.removed(&removed, settings.format);
            Ok(changes)
        })
        .await?;
    context.announce(&announcing, &*store, &changes).await
}

/// A manifest with all its tags.
async fn manifest(derive: Derive<'_>, name: &Repository, digest: &Digest) -> Result<Changes, CommandError> {
    let was = derive.manifest(digest).await?;
    let tags = remove::manifest(derive, name, digest).await?;
    let told = was.as_ref().map(|(bytes, manifest)| (Told::of(*digest, bytes.len(), manifest), manifest));
    let mut changes = Changes::of_removal(name, &tags, Some(digest), told);
    if let (Algorithm::Sha512, Some((bytes, _))) = (digest.algorithm(), &was) {
        // It was there by this name, too.
        changes.keys.insert(Key::DigestView(name.clone(), Digest::of(Algorithm::Sha256, bytes)));
    }
    Ok(changes)
}

/// A tag, which `expected` says the image of, where it says anything.
async fn tag(
    derive: Derive<'_>,
    name: &Repository,
    tag: &Tag,
    expected: Option<Digest>,
) -> Result<Changes, CommandError> {
    let found = derive.target(&Key::TagLink(name.clone(), tag.clone())).await?;
    // A reference with both says which image the tag must still show.
    if let (Some(expected), Some(found)) = (expected, found)
        && expected != found
    {
        return Err(CommandError::Digest { expected, found });
    }
    let was = match found {
        Some(digest) => derive.manifest(&digest).await?.map(|was| (digest, was)),
        None => None,
    };
    remove::tag(derive, name, tag).await?;
    let told =
        was.as_ref().map(|(digest, (bytes, manifest))| (Told::of(*digest, bytes.len(), manifest), manifest));
    Ok(Changes::of_removal(name, &BTreeSet::from([tag.clone()]), None, told))
}

/// The names that are gone.
fn removed(event: &Event, wanted: &Reference) -> String {
    match (&event.tag, &wanted.digest) {
        (Some(tag), _) => format!("{}:{tag}", event.repository),
        (None, Some(digest)) => format!("{}@{digest}", event.repository),
        (None, None) => event.repository.to_string(),
    }
}

/// Who protects a tag from moving does not want it gone either: removed and published again, it has moved.
fn protect(name: &Repository, tags: &BTreeSet<Tag>, rules: &Rules) -> Result<(), CommandError> {
    let immutable = rules.immutable(&cli::Fixed::default());
    match tags.iter().find_map(|tag| immutable.why(tag).map(|why| (tag, why))) {
        Some((tag, why)) => Err(CommandError::Protected { name: format!("{name}:{tag}"), why }),
        None => Ok(()),
    }
}
