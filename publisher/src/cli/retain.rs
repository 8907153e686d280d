//! The flags of `retain`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use contract::name::Repository;
use contract::pattern::TagPattern;

use crate::store::Location;

/// `retain`.
#[derive(Debug, Args)]
pub struct Retain {
    /// In which store
    pub store: Location,
    /// In which repository alone
    pub repository: Option<Repository>,
    /// The N tags of each repository that were moved last
    #[arg(long, value_name = "N")]
    pub keep_newest: Option<usize>,
    /// Tags that match: `v*`, `release-?`; may be given several times
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub keep: Vec<TagPattern>,
    /// Tags that were moved within this time: `30d`
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub keep_younger: Option<Duration>,
    /// Tags and digests that a file names, a reference a line, with or without a host: what runs somewhere
    #[arg(long, value_name = "FILE")]
    pub keep_list: Option<PathBuf>,
    /// Remove the others; else it is only shown
    #[arg(long)]
    pub remove: bool,
    /// Also tags that settings say are immutable
    #[arg(long)]
    pub force: bool,
}
