//! What `copy` says: each repository with what was sent of it.

use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::Report;
use super::table::aligned;
use crate::copy::Copied;
use crate::plan::Step;
use crate::progress::Progress;

/// Several plans at a time are carried out: only what was sent is told.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a>(pub(super) &'a Report);

impl Progress for Sending<'_> {
    fn done(&self, step: &Step) {
        if let Step::Send(_, blob) = step {
            self.0.say(&format!("  sent {} ({})", blob.digest, HumanBytes(blob.size)));
        }
    }
}

/// For people.
pub(super) fn text(done: &[Copied]) -> String {
    let row = |copied: &Copied| {
        [
            copied.repository.to_string(),
            copied.tags.to_string(),
            copied.moved.to_string(),
            copied.blobs.to_string(),
            HumanBytes(copied.bytes).to_string(),
        ]
    };
    aligned(["REPOSITORY", "TAGS", "MOVED", "BLOBS SENT", "SIZE"], done.iter().map(row).collect())
}

/// What did not go as it was wished.
pub(super) fn warnings(done: &[Copied]) -> impl Iterator<Item = String> {
    done.iter().flat_map(|copied| {
        let stay = copied.stay.iter().map(|refusal| format!("{refusal}: it stays there"));
        stay.chain(copied.problems.iter().cloned())
    })
}

/// For machines.
pub(super) fn document(done: &[Copied], dry_run: bool) -> Value {
    let repository = |copied: &Copied| {
        let stay: Vec<_> = copied.stay.iter().map(|refusal| &refusal.tag).collect();
        json!({
            "repository": copied.repository,
            "tags": copied.tags,
            "moved": copied.moved,
            "blobsSent": copied.blobs,
            "bytesSent": copied.bytes,
            "stay": stay,
            "problems": copied.problems,
        })
    };
    json!({ "dryRun": dry_run, "repositories": done.iter().map(repository).collect::<Vec<_>>() })
}
