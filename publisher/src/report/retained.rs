//! What `retain` shows: every tag, whether it stays, and by which rule.

use contract::name::{Repository, Tag};
use serde_json::{Value, json};

use super::table::{aligned, minute};
use crate::retain::Verdict;

/// The tags of one repository.
#[derive(Debug, Clone)]
pub struct Retained {
    /// Which.
    pub repository: Repository,
    /// What was decided of its tags.
    pub verdicts: Vec<Verdict>,
    /// Those that somebody moved before they were removed, so that they stayed.
    pub moved: Vec<Tag>,
}

impl Retained {
    fn is_gone(&self, verdict: &Verdict) -> bool {
        verdict.kept.is_none() && !self.moved.contains(&verdict.candidate.tag)
    }

    fn why(&self, verdict: &Verdict) -> Option<String> {
        let moved = || self.moved.contains(&verdict.candidate.tag).then(|| "was moved meanwhile".to_owned());
        verdict.kept.as_ref().map(ToString::to_string).or_else(moved)
    }
}

/// How many tags stay, and how many go.
pub(super) fn counts(all: &[Retained]) -> (usize, usize) {
    let tags: usize = all.iter().map(|of| of.verdicts.len()).sum();
    let gone = all.iter().map(|of| of.verdicts.iter().filter(|verdict| of.is_gone(verdict)).count()).sum();
    (tags - gone, gone)
}

/// For people.
pub(super) fn text(all: &[Retained], removed: bool) -> String {
    let gone = if removed { "removed" } else { "would be removed" };
    let rows = all.iter().flat_map(|of| {
        of.verdicts.iter().map(move |verdict| {
            let candidate = &verdict.candidate;
            [
                format!("{}:{}", of.repository, candidate.tag),
                candidate.moved.map(minute).unwrap_or_default(),
                of.why(verdict).map_or_else(|| gone.to_owned(), |why| format!("stays: {why}")),
            ]
        })
    });
    aligned(["TAG", "MOVED (UTC)", ""], rows.collect())
}

/// For machines.
pub(super) fn document(all: &[Retained], removed: bool) -> Value {
    let tags = all.iter().flat_map(|of| {
        of.verdicts.iter().map(move |verdict| {
            let candidate = &verdict.candidate;
            json!({
                "repository": of.repository,
                "tag": candidate.tag,
                "digest": candidate.digest,
                "moved": candidate.moved.map(|moved| humantime::format_rfc3339(moved).to_string()),
                "stays": !of.is_gone(verdict),
                "why": of.why(verdict),
            })
        })
    });
    json!({ "removed": removed, "tags": tags.collect::<Vec<Value>>() })
}
