//! How far a source and a plan are: a bar on a terminal, lines elsewhere.

use contract::descriptor::Descriptor;
use indicatif::{HumanBytes, ProgressStyle};

use super::{Report, harmless};
use crate::plan::{Phase, Plan, Step};
use crate::progress::Progress;
use crate::source::Told;

impl Told for Report {
    fn progress(&self, what: &str, done: u64, total: Option<u64>) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(style());
                bar.set_message(harmless(what));
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
