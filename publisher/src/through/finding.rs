//! What was found, each thing once where it is so everywhere, and the sum of it.

use std::collections::HashMap;
use std::fmt;
use std::mem::{Discriminant, discriminant};

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::exchange::Exchange;
use super::wrong::Wrong;

/// Something that clients meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What a client asks: `GET https://registry.example.com/v2/`.
    pub asked: String,
    /// What is wrong.
    pub wrong: Wrong,
    /// How many more requests meet the same.
    pub more: usize,
}

impl Finding {
    /// Whether no pull fails by it.
    pub fn is_notice(&self) -> bool {
        self.wrong.advice().notice
    }
}

/// One line.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = self.wrong.advice();
        write!(f, "{} {}", self.asked, self.wrong)?;
        if self.more > 0 {
            write!(f, ", and so {} more", self.more)?;
        }
        write!(f, "; breaks {}: {}", advice.breaks, advice.fix)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let advice = self.wrong.advice();
        let mut fields = serializer.serialize_struct("Finding", 6)?;
        fields.serialize_field("asked", &self.asked)?;
        fields.serialize_field("wrong", &self.wrong.to_string())?;
        fields.serialize_field("more", &self.more)?;
        fields.serialize_field("notice", &advice.notice)?;
        fields.serialize_field("breaks", advice.breaks)?;
        fields.serialize_field("fix", advice.fix)?;
        fields.end()
    }
}

/// Takes findings in. Holds one of each kind and place where they are so everywhere, however many requests meet it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    /// Where in them stands what is so everywhere, by its kind and who answers.
    everywhere: HashMap<(Discriminant<Wrong>, String), usize>,
}

impl Findings {
    pub(super) fn take(&mut self, exchange: &Exchange, wrong: Wrong) {
        let asked = format!("{} {}", exchange.how, exchange.url);
        if !wrong.advice().everywhere {
            self.found.push(Finding { asked, wrong, more: 0 });
            return;
        }
        let place = exchange.last().origin().ascii_serialization();
        let at = *self.everywhere.entry((discriminant(&wrong), place)).or_insert(self.found.len());
        match self.found.get_mut(at) {
            Some(finding) => {
                finding.more += 1;
                // Requests run at the same time: which one is named must not be chance.
                if asked < finding.asked {
                    (finding.asked, finding.wrong) = (asked, wrong);
                }
            }
            None => self.found.push(Finding { asked, wrong, more: 0 }),
        }
    }

    /// Problems first.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.found
            .sort_by(|one, other| (one.is_notice(), &one.asked).cmp(&(other.is_notice(), &other.asked)));
        self.found
    }
}

/// What was asked for, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Repositories that were looked at.
    pub repositories: usize,
    /// Of so many.
    pub of_repositories: usize,
    /// Tags that were looked at.
    pub tags: usize,
    /// Of so many, of those repositories.
    pub of_tags: usize,
    /// Sent to endpoint and CDN.
    pub requests: u64,
    /// Problems first.
    pub findings: Vec<Finding>,
}

impl Summary {
    /// How many findings are more than a notice.
    pub fn problems(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.is_notice()).count()
    }
}
