//! `publish`: open source and store, plan, carry out, say what happened.

use std::sync::Arc;
use std::time::Duration;

use contract::name::{Reference, Tag};
use contract::settings::StoreSettings;
use contract::v1;

use super::{Context, Opened, reference};
use crate::ahead::Ahead;
use crate::announce::{Action, Changes};
use crate::apply::Apply;
use crate::cli;
use crate::content::Open;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::image::Image;
pub(super) use crate::plan::targets;
use crate::plan::{Target, Wish};
use crate::publish::{prepare, publish};
use crate::rate::Limited;
use crate::report::{Published, Report};
use crate::settings::Settings;
use crate::source::{self, Wanted};
use crate::store::memory::Memory;
use crate::store::{Kind, Location, Store};
use crate::v1_chain::{self, V1};

/// Runs it.
pub(super) async fn run(args: &cli::Publish, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let parse = |text: &String| reference(text, args.keep_host);
    let references = args.reference.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let announcing = context.announcing(args.dry_run)?;
    let location = args.to.as_ref().or(settings.to.as_ref()).ok_or(CommandError::NoStore)?;
    // A folder that is not there yet is made only when the image is known to be good.
    let early = match context.open(location, false).await {
        Err(CommandError::Store(error)) if error.kind == Kind::NoStore && is_folder(location) => None,
        opened => Some(opened?),
    };
    let opened = opened(args, &references, early.as_ref(), context).await?;
    check_digests(&references, &opened.image)?;
    let Opened { store, rules } = match early {
        Some(opened) => opened,
        None if args.dry_run => nowhere(settings),
        None => context.open(location, true).await?,
    };
    report.about(&opened.image);

    let targets = &targets(&references);
    let chain = chain(args.v1.over(rules.v1), settings, &opened.image, targets, report);
    let immutable = rules.immutable(&args.fixed);
    let (image, grace) = (&opened.image, rules.grace());
    let wish = Wish { image, targets, v1: &chain, immutable: &immutable, grace };
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    let plan = context
        .guarded(&*store, async {
            let preparing = prepare(derive, &wish, settings.jobs);
            let plan = tokio::join!(preparing, tidy(&*store, rules.grace, args.dry_run, report)).0?;
            if !args.dry_run {
                let limited = settings.limit_rate.map(|rate| Limited::new(&*opened.from, rate));
                let from = limited.as_ref().map_or(&*opened.from, |limited| limited as &dyn Open);
                publish(Apply { from, derive, jobs: settings.jobs, progress: *report }, &wish, &plan).await?;
            }
            Ok(plan)
        })
        .await?;
    if args.dry_run {
        report.planned(&plan, settings.format);
    } else {
        let (v1, traffic) = (chain.last().map(|top| top.id), store.traffic());
        let read = opened.from.read();
        let published = Published { image, targets, plan: &plan, v1, traffic: &traffic, read };
        report.published(&published, settings.format);
        context.announce(&announcing, &*store, &Changes::of_plan(Action::Published, &wish, &plan)).await?;
    }
    Ok(())
}

/// Opens the source. Layers that are packed for it go to the store meanwhile, where that is there and nothing can be
/// refused any longer.
async fn opened(
    args: &cli::Publish,
    references: &[Reference],
    early: Option<&Opened>,
    context: &Context<'_>,
) -> Result<source::Opened, CommandError> {
    let Context { settings, report, .. } = context;
    let wanted = Wanted {
        image: args.image.as_deref(),
        references,
        manifest_type: args.manifest_type.unwrap_or(settings.manifest_type),
        compress: settings.compress(&args.layers)?,
        to: &(),
        verify: args.verify_source,
        strict: args.strict,
        access: context.access(&args.from_registry),
    };
    let Some(Opened { store, rules }) = early else {
        return context.unless_interrupted(source::open(&args.source, &wanted, *report)).await;
    };
    let immutable = rules.immutable(&args.fixed);
    let may_move = |tag: &Tag| immutable.why(tag).is_none();
    let is_free = references.iter().all(|reference| reference.digest.is_none())
        && targets(references).iter().flat_map(|target| &target.tags).all(may_move);
    // A limit is for all that is sent together, later.
    let now = is_free && !args.dry_run && settings.limit_rate.is_none();
    let ahead = Ahead::new(&**store, now.then_some(settings.jobs));
    let wanted = Wanted { to: &ahead, ..wanted };
    let opening = async { Ok(source::open(&args.source, &wanted, *report).await?) };
    let mut opened = context.guarded(&**store, opening).await?;
    opened.image.sent = ahead.sent();
    Ok(opened)
}

/// How many uploads to a container with many large objects one run looks at; the next ones look at others, and `gc` at
/// all.
const TIDIED: usize = 16;

/// Ends what dead runs left. That it fails hinders no publication: a publisher may lack the right to look.
pub(super) async fn tidy(store: &dyn Store, grace: Duration, dry_run: bool, report: &Report) {
    if !dry_run {
        report.tidied(store.tidy(grace, TIDIED).await);
    }
}

/// A store to work on; for a dry run, a folder need not be there.
pub(super) async fn open_or_plan(
    context: &Context<'_>,
    location: &Location,
    dry_run: bool,
) -> Result<Opened, CommandError> {
    match context.open(location, !dry_run).await {
        Err(CommandError::Store(error)) if dry_run && error.kind == Kind::NoStore && is_folder(location) => {
            Ok(nowhere(&context.settings))
        }
        opened => opened,
    }
}

/// A store that is not there yet, to plan for.
pub(super) fn nowhere(settings: &Settings) -> Opened {
    let rules = settings.with_store(&StoreSettings::default());
    Opened { store: Arc::new(Memory::new(rules.objects.changing_ttl)), rules }
}

pub(super) fn is_folder(location: &Location) -> bool {
    matches!(location, Location::Directory(_))
}

/// A reference with a digest says which image it must be.
pub(super) fn check_digests(references: &[Reference], image: &Image) -> Result<(), CommandError> {
    let found = image.root.digest;
    match references.iter().filter_map(|reference| reference.digest).find(|expected| *expected != found) {
        Some(expected) => Err(CommandError::Digest { expected, found }),
        None => Ok(()),
    }
}

/// The v1 images, or one line that says why there are none.
pub(super) fn chain(
    wanted: V1,
    settings: &Settings,
    image: &Image,
    targets: &[Target],
    report: &Report,
) -> Vec<v1::Image> {
    if wanted == V1::Off {
        return Vec::new();
    }
    if targets.iter().all(|target| v1::Repository::of(&target.repository).is_none()) {
        report.no_v1(&v1::NotHeld::Name);
        return Vec::new();
    }
    v1_chain::of(image, &settings.v1_platform, wanted).unwrap_or_else(|why| {
        report.no_v1(&why);
        Vec::new()
    })
}
