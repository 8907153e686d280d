//! `retain`: keep some tags, remove the others.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use contract::name::{Repository, Tag};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{Context, Opened};
use crate::announce::Changes;
use crate::cli;
use crate::derive::Derive;
use crate::failure::CommandError;
use crate::immutable::Immutable;
use crate::report::Retained;
use crate::retain::{self, Listed, Rules, RulesError};
use crate::store::StoreError;

/// Runs it.
pub(super) async fn run(args: &cli::Retain, context: &Context<'_>) -> Result<(), CommandError> {
    let Context { settings, report, .. } = context;
    let mut rules = rules(args)?;
    let announcing = context.announcing(!args.remove)?;
    let Opened { store, rules: of_store } = context.open(&args.store, false).await?;
    if !args.force {
        rules.immutable = of_store.immutable(&cli::Fixed::default());
    }
    let derive = Derive { store: &*store, v1_platform: &settings.v1_platform };
    let changes = Mutex::default();
    let (remove, jobs) = (args.remove, settings.jobs);
    let judging = Judging { derive, rules: &rules, remove, jobs, changes: &changes };
    let done = context
        .guarded(&*store, async {
            let only = args.repository.as_ref();
            let repositories = retain::tags(&*store, only).await?;
            if let (Some(name), true) = (only, repositories.is_empty()) {
                return Err(CommandError::Absent(format!("a tag of {name}")));
            }
            let each = repositories.into_iter().map(|(name, tags)| judging.repository(name, tags));
            let done: Vec<_> = stream::iter(each).buffered(settings.jobs).try_collect().await?;
            report.retained(&done, args.remove, settings.format);
            Ok(())
        })
        .await;
    let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner);
    context.conclude(&announcing, &*store, &changes, done).await
}

fn rules(args: &cli::Retain) -> Result<Rules, RulesError> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path)
            .map_err(|source| RulesError::Read { path: path.clone(), source })?;
        Listed::parse(&text).map_err(|source| RulesError::List { path: path.clone(), source })
    };
    let rules = Rules {
        newest: args.keep_newest,
        patterns: args.keep.clone(),
        younger: args.keep_younger,
        listed: args.keep_list.as_ref().map(read).transpose()?,
        immutable: Immutable::default(),
    };
    if rules.keep_nothing() { Err(RulesError::Nothing) } else { Ok(rules) }
}

#[derive(Clone, Copy)]
struct Judging<'a> {
    derive: Derive<'a>,
    rules: &'a Rules,
    remove: bool,
    jobs: usize,
    /// What caches and others are to be told.
    changes: &'a Mutex<Changes>,
}

impl Judging<'_> {
    async fn repository(self, name: Repository, tags: Vec<Tag>) -> Result<Retained, StoreError> {
        let candidates = retain::candidates(self.derive, &name, tags, self.jobs).await?;
        let now = self.derive.store.now().await?;
        let verdicts = retain::decide(&name, candidates, self.rules, now);
        let mut moved = Vec::new();
        for candidate in retain::going(&verdicts).filter(|_| self.remove) {
            if retain::remove(self.derive, &name, candidate).await? {
                let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
                changes.add(Changes::of_tag(&name, &candidate.tag, candidate.digest));
            } else {
                moved.push(candidate.tag.clone());
            }
        }
        Ok(Retained { repository: name, verdicts, moved })
    }
}
