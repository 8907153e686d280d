//! The flags of `mirror`.

use std::path::PathBuf;

use clap::Args;
use contract::name::Repository;
use contract::pattern::TagPattern;

use super::{Fixed, FromRegistry, OfV1};
use crate::mirror::Referrers;
use crate::store::Location;

/// `mirror`.
#[derive(Debug, Args)]
pub struct Mirror {
    /// Which repositories: `docker://ghcr.io/acme/app`; with `:1.2` this tag alone
    #[arg(required_unless_present = "from_file")]
    pub source: Vec<String>,
    /// A file with more of them, a line each: `docker://HOST/REPOSITORY [TARGET] [PATTERN]…`, `-` for the same target;
    /// `#` begins a comment
    #[arg(long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
    /// Which tags: `v1.*`, `latest`; may be given several times. A line of the file can say others [default: all]
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub tags: Vec<TagPattern>,
    /// What the repository is called in the store, where there is one [default: as at its source, without the host]
    #[arg(long = "as", value_name = "REPOSITORY", conflicts_with = "from_file")]
    pub target: Option<Repository>,
    /// Where to: a folder, `s3://bucket/prefix?endpoint=URL&region=NAME` or `swift://container/prefix`
    #[arg(long, value_name = "STORE", env = "REGISTRY_PUBLISHER_TO")]
    pub to: Option<Location>,
    /// For which images the registry is asked what refers to them: signatures, SBOMs
    #[arg(long, value_enum, default_value = "changed")]
    pub referrers: Referrers,
    /// What is written for Registry v1
    #[command(flatten)]
    pub v1: OfV1,
    /// How registries are asked
    #[command(flatten)]
    pub from_registry: FromRegistry,
    /// Which tags stay where they are
    #[command(flatten)]
    pub fixed: Fixed,
    /// Print which tags would be copied, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}
