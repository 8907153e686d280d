//! The flags of `history` and `rollback`.

use clap::Args;

use crate::store::Location;

/// `history`.
#[derive(Debug, Args)]
pub struct History {
    /// Which tag: `acme/app:1.2`
    pub reference: String,
    /// In which store
    #[arg(long, value_name = "STORE")]
    pub from: Location,
    /// Take a first segment like `registry.example.com` as part of the repository's name
    #[arg(long)]
    pub keep_host: bool,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// Which tag: `acme/app:1.2`
    pub reference: String,
    /// To what, of all that `history` shows; may be cut short [default: where the tag pointed before]
    pub digest: Option<String>,
    /// In which store
    #[arg(long = "in", value_name = "STORE")]
    pub store: Location,
    /// Take a first segment like `registry.example.com` as part of the repository's name
    #[arg(long)]
    pub keep_host: bool,
}
