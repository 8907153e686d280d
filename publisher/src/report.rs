//! The only printer: results to standard output, talk and progress to standard error.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use contract::name::{Reference, Repository};
use indicatif::ProgressBar;

use crate::announce::Failure;
use crate::cli::Format;
use crate::copy::Copied;
use crate::failure::{CommandError, causes};
use crate::history::Past;
use crate::look::{Counts, Tagged};
use crate::store::StoreError;

mod collected;
mod copied;
mod document;
mod founded;
mod history;
mod inspected;
mod mirrored;
mod progress;
mod published;
mod retained;
mod seen;
mod summary;
mod table;
mod verified;

pub use copied::Sending;
pub use founded::{Founded, Intended};
pub use inspected::Inspected;
pub use mirrored::Mirroring;
pub use published::Published;
pub use retained::Retained;

/// Says what happens.
#[derive(Debug)]
pub struct Report {
    quiet: bool,
    /// On a terminal.
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Report {
    /// One that draws bars where standard error is a terminal, and prints lines elsewhere.
    pub fn new(quiet: bool) -> Self {
        let terminal = !quiet && io::stderr().is_terminal();
        Self { quiet, bar: terminal.then(|| ProgressBar::new(0)), started: Instant::now() }
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
        self.warn(&causes(error));
    }

    /// Whether standard output took all results.
    pub fn written(&self) -> Result<(), CommandError> {
        let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).take();
        lost.map_or(Ok(()), |error| Err(CommandError::Unwritten(error)))
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

/// Why standard output does not hold all results.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// A reader that went away (`… | head -1`) is no failure of ours.
fn out(text: &str) {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            LOST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
        Ok(()) | Err(_) => {}
    }
}

fn err(text: &str) {
    _ = io::stderr().lock().write_all(harmless(text).as_bytes());
}

/// Names in archives and answers of servers may hold what a terminal obeys.
fn harmless(text: &str) -> String {
    let is_harm = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.chars().map(|c| if is_harm(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
