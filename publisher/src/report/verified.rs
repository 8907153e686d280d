//! What `relist` and `verify` say of a store.

use std::io;

use indicatif::HumanBytes;

use super::{Report, document, out};
use crate::cli::Format;
use crate::{relist, verify};

impl Report {
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

    /// `verify --deep --resume` could not note what was read.
    pub fn not_remembered(&self, error: &io::Error) {
        self.warn(&format!("not all that was read could be noted ({error}): it will be read again"));
    }
}
