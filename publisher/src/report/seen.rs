//! What `verify --through` says: each finding with whom it breaks, and how much was looked at.

use serde_json::json;

use super::{Report, out};
use crate::cli::Format;
use crate::through::Summary;

impl Report {
    /// `verify --through` is done.
    pub fn seen_through(&self, registry: &str, summary: &Summary, format: Format) {
        match format {
            Format::Text => {
                for finding in &summary.findings {
                    let level = if finding.is_notice() { "notice" } else { "problem" };
                    out(&format!("{level}: {finding}\n"));
                }
                self.say(&format!(
                    "{registry}: {} of {} repositories, {} of {} tags, {} requests; {} problems, {} notices",
                    summary.repositories,
                    summary.of_repositories,
                    summary.tags,
                    summary.of_tags,
                    summary.requests,
                    summary.problems(),
                    summary.findings.len() - summary.problems()
                ));
            }
            Format::Json => out(&format!("{}\n", json!(summary))),
        }
    }
}
