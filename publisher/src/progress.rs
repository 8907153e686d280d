//! Who is told how far things are.

use contract::descriptor::Descriptor;

use crate::plan::{Phase, Plan, Step};

/// Told while a plan is carried out. Every method may be called from any task.
pub trait Progress: Send + Sync {
    /// This is going to be carried out.
    fn begin(&self, _plan: &Plan) {}
    /// These steps are next.
    fn phase(&self, _phase: &Phase) {}
    /// This many more bytes of some content passed by. After a retry they pass by again.
    fn passed(&self, _descriptor: &Descriptor, _bytes: u64) {}
    /// This step is done.
    fn done(&self, _step: &Step) {}
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}
