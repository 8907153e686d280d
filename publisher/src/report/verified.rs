//! What `relist` and `verify` say of a store.

use std::io;
use std::path::Path;

use indicatif::HumanBytes;

use super::{Report, document, out};
use crate::cli::Format;
use crate::{relist, verify};

impl Report {
    /// `relist` is done.
    pub fn relisted(&self, store: &str, summary: &relist::Summary, format: Format) {
        match format {
            Format::Text => {
                let before = match summary.before {
                    0 => String::new(),
                    before => format!(" ({before} of them before)"),
                };
                out(&format!(
                    "{store}: {} repositories{before}, {} tags, {} manifests; {} objects written, {} removed\n",
                    summary.repositories, summary.tags, summary.manifests, summary.written, summary.removed
                ));
            }
            Format::Json => out(&document::relisted(summary)),
        }
        summary.problems.iter().for_each(|problem| self.warn(problem));
    }

    /// What `verify --repair` made anew.
    pub fn repaired(&self, written: usize, removed: usize) {
        self.say(&format!("{written} objects written anew, {removed} removed"));
    }

    /// What `verify --deep --repair` removed when it had read all.
    pub fn forgotten(&self, hints: usize) {
        if hints > 0 {
            self.say(&format!("{hints} notes of compressed layers were wrong, and are removed"));
        }
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

    /// `--resume` could not note what was done.
    pub fn not_noted(&self, error: &io::Error) {
        self.warn(&format!("not all that was done could be noted ({error}): it will be done again"));
    }

    /// What was begun with `--resume` did not come to its end.
    pub fn goes_on(&self, noted: &Path) {
        self.say(&format!(
            "what was done is noted in {}: the same command goes on from there",
            noted.display()
        ));
    }
}
