//! What `gc` removed, or would.

use indicatif::HumanBytes;

use super::{Report, out};
use crate::cli::Format;
use crate::collect::{Count, Summary, What};
use crate::grace::Grace;

impl Report {
    /// The store keeps things for less time than publishers take.
    pub fn hasty(&self, grace: Grace) {
        let said = humantime::format_duration(grace.said());
        let least = humantime::format_duration(Grace::LEAST);
        self.warn(&format!(
            "this store keeps what nothing names for {said} only: with less than {least}, nobody may publish meanwhile"
        ));
    }

    /// `gc` is done.
    pub fn collected(&self, store: &str, summary: &Summary, format: Format) {
        out(&match format {
            Format::Text => text(store, summary),
            Format::Json => document(summary),
        });
        summary.problems.iter().for_each(|problem| self.warn(problem));
        if summary.unfinished {
            self.warn("there was no time to remove all: run it again");
        }
    }
}

fn text(store: &str, summary: &Summary) -> String {
    let mut text = String::new();
    for (what, count) in &summary.removed {
        text.push_str(&format!("{:<10} {}\n", name(*what), said(count)));
    }
    let done = if summary.dry_run { "would be removed" } else { "removed" };
    let uploads = match summary.uploads {
        0 => String::new(),
        ended => format!(", {ended} unfinished uploads ended"),
    };
    let (total, kept) = (said(&summary.total()), said(&summary.kept));
    text.push_str(&format!("{store}: {total} {done}{uploads}; contents that stay: {kept}\n"));
    text
}

fn said(count: &Count) -> String {
    let objects = if count.objects == 1 { "object" } else { "objects" };
    format!("{} {objects} ({})", count.objects, HumanBytes(count.bytes))
}

fn name(what: What) -> &'static str {
    match what {
        What::Blobs => "blobs",
        What::Links => "links",
        What::Views => "views",
        What::V1Images => "v1 images",
    }
}

fn document(summary: &Summary) -> String {
    format!("{}\n", serde_json::json!(summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_removed_is_told_by_kind_and_in_all() {
        let count = |objects, bytes| Count { objects, bytes };
        let summary = Summary {
            removed: [(What::Blobs, count(2, 2048)), (What::Links, count(1, 71))].into(),
            kept: count(3, 1 << 20),
            uploads: 1,
            ..Summary::default()
        };
        let expected = "blobs      2 objects (2.00 KiB)\nlinks      1 object (71 B)\n\
                        s: 3 objects (2.07 KiB) removed, 1 unfinished uploads ended; \
                        contents that stay: 3 objects (1.00 MiB)\n";
        assert_eq!(text("s", &summary), expected);
        let document: serde_json::Value = serde_json::from_str(&document(&summary)).unwrap();
        assert_eq!(document["removed"]["blobs"]["bytes"], 2048);
        assert_eq!(document["dryRun"], false);
    }
}
