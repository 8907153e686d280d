//! The only printer: results to standard output, talk and progress to standard error.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use contract::descriptor::Descriptor;
use contract::digest::Digest;
use contract::name::{Reference, Repository};
use contract::v1;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::announce::Failure;
use crate::cli::Format;
use crate::copy::Copied;
use crate::failure::CommandError;
use crate::history::Past;
use crate::image::Image;
use crate::look::{Counts, Node, Tagged};
use crate::plan::{Phase, Plan, Step, Target};
use crate::progress::Progress;
use crate::relist;
use crate::source::Told;
use crate::store::{StoreError, Traffic};
use crate::verify;

mod collected;
mod copied;
mod document;
mod founded;
mod history;
mod mirrored;
mod retained;
mod seen;
mod summary;
mod table;

pub use copied::Sending;
pub use founded::{Founded, Intended};
pub use mirrored::Mirroring;
pub use retained::Retained;

/// Says what happens.
#[derive(Debug)]
pub struct Report {
    quiet: bool,
    /// On a terminal.
    bar: Option<ProgressBar>,
    started: Instant,
}

/// A publication that was carried out.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// What.
    pub image: &'a Image,
    /// Where.
    pub targets: &'a [Target],
    /// How.
    pub plan: &'a Plan,
    /// Its id in v1.
    pub v1: Option<v1::Id>,
    /// What it took.
    pub traffic: &'a Traffic,
    /// How many bytes of the source were read.
    pub read: u64,
}

/// An image that was looked at.
#[derive(Debug, Clone, Copy)]
pub struct Inspected<'a> {
    /// By which name.
    pub reference: &'a Reference,
    /// What is there.
    pub node: &'a Node,
    /// In how many other repositories its blobs are.
    pub shared: &'a BTreeMap<Digest, usize>,
    /// What refers to it: signatures and the like.
    pub referrers: &'a [Descriptor],
}

impl Inspected<'_> {
    /// The bytes of its blobs that other repositories have, too.
    pub fn shared_size(&self) -> u64 {
        let blobs = self.node.all().into_iter().flat_map(|node| &node.blobs);
        let sizes: BTreeMap<Digest, u64> = blobs.map(|blob| (blob.digest, blob.size)).collect();
        let shared = sizes.into_iter().filter(|(digest, _)| self.shared.contains_key(digest));
        shared.map(|(_, size)| size).sum()
    }
}

impl Published<'_> {
    /// `acme/app:1.2@sha256:…`, one for each tag; without one, `acme/app@sha256:…`.
    pub fn references(&self) -> impl Iterator<Item = String> {
        let digest = self.image.root.digest;
        self.targets.iter().flat_map(move |Target { repository, tags, .. }| {
            let untagged = tags.is_empty().then(|| format!("{repository}@{digest}"));
            untagged.into_iter().chain(tags.iter().map(move |tag| format!("{repository}:{tag}@{digest}")))
        })
    }
}

impl Report {
    /// One that draws bars where standard error is a terminal, and prints lines elsewhere.
    pub fn new(quiet: bool) -> Self {
        let terminal = !quiet && io::stderr().is_terminal();
        Self { quiet, bar: terminal.then(|| ProgressBar::new(0)), started: Instant::now() }
    }

    /// The image was opened: what it lacks.
    pub fn about(&self, image: &Image) {
        for entry in &image.missing {
            let platform =
                entry.platform.as_ref().map(|platform| format!(" ({platform})")).unwrap_or_default();
            self.warn(&format!("the source lacks {}{platform}: it is left out", entry.digest));
        }
        for layer in &image.foreign {
            self.say(&format!("foreign layer {} stays where its urls point", layer.digest));
        }
    }

    /// Old Docker will not see the image.
    pub fn no_v1(&self, why: &v1::NotHeld) {
        self.say(&format!("not for Docker before 1.10 (Registry v1): {why}"));
    }

    /// What runs that died had left in a store is ended.
    pub fn tidied(&self, tidied: Result<usize, StoreError>) {
        match tidied {
            Ok(0) => {}
            Ok(ended) => self.say(&format!("ended {ended} unfinished uploads of earlier runs")),
            Err(error) => {
                let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
                self.warn(&format!("{error}{source}"));
            }
        }
    }

    /// `--dry-run`.
    pub fn planned(&self, plan: &Plan, format: Format) {
        match format {
            Format::Text => out(&plan.to_string()),
            Format::Json => out(&document::planned(plan)),
        }
    }

    /// `publish` is done.
    pub fn published(&self, published: &Published<'_>, format: Format) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        match format {
            Format::Text => published.references().for_each(|line| out(&format!("{line}\n"))),
            Format::Json => out(&document::published(published, self.started.elapsed())),
        }
        self.say(&summary::published(published, self.started.elapsed()));
    }

    /// What is a result as it is.
    pub fn text(&self, text: &str) {
        out(text);
    }

    /// `list STORE`.
    pub fn repositories(&self, repositories: &BTreeMap<Repository, Counts>, format: Format) {
        out(&match format {
            Format::Text => table::repositories(repositories),
            Format::Json => document::repositories(repositories),
        });
    }

    /// `list STORE REPOSITORY`.
    pub fn tags(&self, tags: &[Tagged], format: Format) {
        out(&match format {
            Format::Text => table::tags(tags),
            Format::Json => document::tags(tags),
        });
    }

    /// `inspect`.
    pub fn inspected(&self, inspected: &Inspected<'_>, format: Format) {
        out(&match format {
            Format::Text => table::inspected(inspected),
            Format::Json => document::inspected(inspected),
        });
    }

    /// `history`.
    pub fn history(&self, reference: &Reference, history: &[Past], format: Format) {
        out(&match format {
            Format::Text => history::text(history),
            Format::Json => format!("{}\n", history::document(reference, history)),
        });
    }

    /// `remove` is done.
    pub fn removed(&self, removed: &[String], format: Format) {
        match format {
            Format::Text => removed.iter().for_each(|name| out(&format!("{name}\n"))),
            Format::Json => out(&document::removed(removed)),
        }
    }

    /// `retain` is done.
    pub fn retained(&self, all: &[Retained], removed: bool, format: Format) {
        out(&match format {
            Format::Text => retained::text(all, removed),
            Format::Json => format!("{}\n", retained::document(all, removed)),
        });
        let (stay, gone) = retained::counts(all);
        let gone = if removed {
            format!("{gone} were removed")
        } else {
            format!("{gone} would be removed by --remove")
        };
        self.say(&format!("{stay} tags stay, {gone}"));
    }

    /// Who is told while `copy` runs.
    pub fn copying(&self) -> Sending<'_> {
        Sending(self)
    }

    /// `copy` is done.
    pub fn copied(&self, done: &[Copied], dry_run: bool, format: Format) {
        out(&match format {
            Format::Text => copied::text(done),
            Format::Json => format!("{}\n", copied::document(done, dry_run)),
        });
        copied::warnings(done).for_each(|warning| self.warn(&warning));
    }

    /// `relist` is done.
    pub fn relisted(&self, store: &str, summary: &relist::Summary, format: Format) {
        match format {
            Format::Text => out(&format!(
                "{store}: {} repositories, {} tags, {} manifests; {} objects written, {} removed\n",
                summary.repositories, summary.tags, summary.manifests, summary.written, summary.removed
            )),
            Format::Json => out(&document::relisted(summary)),
        }
        summary.problems.iter().for_each(|problem| self.warn(problem));
    }

    /// What `verify --repair` made anew.
    pub fn repaired(&self, written: usize, removed: usize) {
        self.say(&format!("{written} objects written anew, {removed} removed"));
    }

    /// `verify` is done.
    pub fn verified(&self, store: &str, summary: &verify::Summary, format: Format) {
        match format {
            Format::Text => {
                for finding in &summary.findings {
                    let level = if finding.is_notice() { "notice" } else { "problem" };
                    out(&format!("{level}: {finding}\n"));
                }
                let before = match summary.read_before {
                    0 => String::new(),
                    before => format!(", {before} of them before"),
                };
                self.say(&format!(
                    "{store}: {} repositories, {} manifests, {} contents ({} read{before}); {} problems, {} notices",
                    summary.repositories,
                    summary.manifests,
                    summary.contents,
                    HumanBytes(summary.read),
                    summary.problems(),
                    summary.findings.len() - summary.problems()
                ));
            }
            Format::Json => out(&document::verified(summary)),
        }
    }

    /// `verify --deep --resume` could not note what was read.
    pub fn not_remembered(&self, error: &io::Error) {
        self.warn(&format!("not all that was read could be noted ({error}): it will be read again"));
    }

    /// `init --dry-run`.
    pub fn intended(&self, intended: &Intended<'_>, format: Format) {
        match format {
            Format::Text => out(&intended.text()),
            Format::Json => out(&format!("{}\n", intended.document())),
        }
    }

    /// `init` is done.
    pub fn founded(&self, founded: &Founded<'_>, format: Format) {
        founded.lines().iter().for_each(|line| self.say(line));
        founded.warning().iter().for_each(|warning| self.warn(warning));
        match format {
            Format::Text => out(&format!("{}\n", founded.base.unwrap_or(founded.store))),
            Format::Json => out(&format!("{}\n", founded.document())),
        }
    }

    /// Who was not told of what changed.
    pub fn not_told(&self, failures: &[Failure]) {
        failures.iter().for_each(|failure| self.warn(&failure.to_string()));
    }

    /// Something that may not matter did not work.
    pub fn doubted(&self, error: &StoreError) {
        let cause = error.source().map(|cause| format!(" ({cause})")).unwrap_or_default();
        self.warn(&format!("{error}{cause}"));
    }

    /// The end, when it is not good.
    pub fn failed(&self, error: &CommandError) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
        let mut text = format!("error: {error}\n");
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(&format!("caused by: {error}\n"));
            cause = error.source();
        }
        if let Some(hint) = error.hint() {
            text.push_str(&format!("hint: {hint}\n"));
        }
        err(&text);
    }

    fn warn(&self, text: &str) {
        self.above_bar(&format!("warning: {text}"));
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            self.above_bar(text);
        }
    }

    /// Writes results while a bar is drawn.
    fn aside(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn above_bar(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| err(&format!("{text}\n"))),
            None => err(&format!("{text}\n")),
        }
    }
}

impl Told for Report {
    fn progress(&self, what: &str, done: u64, total: Option<u64>) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(style());
                bar.set_message(what.to_owned());
                bar.set_length(total.unwrap_or(done));
                bar.set_position(done);
            }
            // In a log, one line for each piece of work is enough.
            None if done == 0 => self.say(what),
            None => {}
        }
    }
}

impl Progress for Report {
    fn begin(&self, plan: &Plan) {
        if let Some(bar) = &self.bar {
            bar.set_style(style());
            bar.reset();
            bar.set_length(plan.bytes());
        }
    }

    fn phase(&self, phase: &Phase) {
        match &self.bar {
            Some(bar) => bar.set_message(phase.title),
            None => self.say(&format!("{}: {}", phase.title, phase.steps.len())),
        }
    }

    fn passed(&self, _: &Descriptor, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn done(&self, step: &Step) {
        if let (None, Step::Send(_, blob)) = (&self.bar, step) {
            self.say(&format!("  sent {} ({})", blob.digest, HumanBytes(blob.size)));
        }
    }
}

fn style() -> ProgressStyle {
    let template = "{msg:28} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A reader that went away (`… | head -1`) is no failure of ours.
fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn err(text: &str) {
    _ = io::stderr().lock().write_all(text.as_bytes());
}
