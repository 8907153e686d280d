//! The flags of `copy`.

use clap::Args;
use contract::name::Repository;

use super::{Fixed, OfV1};
use crate::store::Location;

/// `copy`.
#[derive(Debug, Args)]
pub struct Copy {
    /// From which store
    pub from: Location,
    /// To which store; a folder that is not there is made
    pub to: Location,
    /// Which repository alone
    pub repository: Option<Repository>,
    /// What is written for Registry v1
    #[command(flatten)]
    pub v1: OfV1,
    /// Which tags stay where they are
    #[command(flatten)]
    pub fixed: Fixed,
    /// Show what would be sent and which tags would be moved, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}
