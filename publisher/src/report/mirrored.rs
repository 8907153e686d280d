//! What `mirror` says: a line for each tag that was copied, warnings for those that could not be, and a summary.

use contract::descriptor::Descriptor;
use serde_json::{Value, json};

use super::summary::requests;
use super::{Report, out};
use crate::cli::Format;
use crate::failure::causes;
use crate::mirror::{Outcome, State, Told};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::store::Traffic;

/// Says what happens while repositories are mirrored.
#[derive(Clone, Copy)]
pub struct Mirroring<'a> {
    /// To whom.
    pub report: &'a Report,
    /// In which format results are.
    pub format: Format,
}

impl Progress for Mirroring<'_> {
    fn begin(&self, plan: &Plan) {
        if self.report.bar.is_some() {
            self.report.begin(plan);
        }
    }

    fn passed(&self, descriptor: &Descriptor, bytes: u64) {
        self.report.passed(descriptor, bytes);
    }
}

impl Told for Mirroring<'_> {
    fn outcome(&self, outcome: &Outcome) {
        let Outcome { source, reference, .. } = outcome;
        let line = match &outcome.state {
            State::Copied { .. } | State::Planned => named(outcome),
            State::Unchanged => return,
            State::Failed(error) => {
                let hint = error.hint().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
                self.report.warn(&format!("{source} -> {reference}: {}{hint}", causes(error)));
                return;
            }
        };
        match self.format {
            Format::Text => self.report.aside(|| out(&format!("{line}\n"))),
            Format::Json => self.report.say(&format!("{source} -> {line}")),
        }
    }
}

impl Mirroring<'_> {
    /// `mirror` is done.
    pub fn done(&self, outcomes: &[Outcome], traffic: &Traffic) {
        let count = |is: fn(&State) -> bool| outcomes.iter().filter(|outcome| is(&outcome.state)).count();
        let copied = count(|state| matches!(state, State::Copied { .. }));
        let planned = count(|state| matches!(state, State::Planned));
        let unchanged = count(|state| matches!(state, State::Unchanged));
        let failed = count(|state| matches!(state, State::Failed(_)));
        if let Format::Json = self.format {
            let each: Vec<Value> = outcomes.iter().map(document).collect();
            let summary =
                json!({ "copied": copied, "planned": planned, "unchanged": unchanged, "failed": failed });
            out(&format!("{}\n", json!({ "summary": summary, "images": each })));
        }
        let (done, count) = if planned > 0 { ("to be copied", planned) } else { ("copied", copied) };
        let spent = self.report.started.elapsed().as_secs_f64();
        self.report.say(&format!(
            "{count} {done}, {unchanged} unchanged, {failed} failed, in {spent:.1} s{}",
            requests(traffic)
        ));
    }
}

/// `acme/app:1.2@sha256:…`
fn named(outcome: &Outcome) -> String {
    let digest = outcome.digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    format!("{}{digest}", outcome.reference)
}

fn document(outcome: &Outcome) -> Value {
    let Outcome { source, reference, digest, state } = outcome;
    let mut said = json!({ "source": source, "reference": reference, "digest": digest });
    let (word, more) = match state {
        State::Unchanged => ("unchanged", json!({})),
        State::Planned => ("planned", json!({})),
        State::Copied { blobs, bytes } => ("copied", json!({ "blobsSent": blobs, "bytesSent": bytes })),
        State::Failed(error) => ("failed", json!({ "error": causes(error), "hint": error.hint() })),
    };
    said["state"] = word.into();
    if let (Some(said), Value::Object(more)) = (said.as_object_mut(), more) {
        said.extend(more);
    }
    said
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::failure::CommandError;

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        let name = "UPPER".parse::<contract::name::Repository>().unwrap_err();
        let error = CommandError::Reference { text: "UPPER".into(), source: name };
        let state = State::Failed(Arc::new(error));
        let outcome =
            Outcome { source: "docker://h.io/a:1".into(), reference: "a:1".into(), digest: None, state };
        let said = document(&outcome);
        let text = said["error"].as_str().unwrap();
        assert!(text.starts_with("the reference `UPPER` cannot be used: `UPPER` in"), "{text}");
        assert_eq!((&said["state"], &said["digest"]), (&"failed".into(), &Value::Null));
    }
}
