//! `gc`.

use std::time::Duration;

use clap::Args;

use crate::store::Location;

/// `gc`.
#[derive(Debug, Args)]
pub struct Gc {
    /// Which store
    pub store: Location,
    /// How long what nothing names any longer is kept, if that is longer than the store says
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub grace: Option<Duration>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}
