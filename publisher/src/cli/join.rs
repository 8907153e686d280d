//! The flags of `join`.

use clap::Args;

use super::Fixed;
use crate::source::ManifestType;
use crate::store::Location;

/// `join`.
#[derive(Debug, Args)]
pub struct Join {
    /// The name of the index: `acme/app:1.2`
    pub reference: String,
    /// Out of which images: `acme/app:1.2-amd64`, `acme/app@sha256:…`. Of an image index, all that it names
    #[arg(required = true)]
    pub images: Vec<String>,
    /// In which store
    #[arg(long = "in", value_name = "STORE")]
    pub store: Location,
    /// Which kind of index: OCI's, or the manifest list of Docker, which names manifests of Docker schema 2 alone
    #[arg(long, value_enum, default_value = "oci")]
    pub manifest_type: ManifestType,
    /// Which tags stay where they are
    #[command(flatten)]
    pub fixed: Fixed,
    /// Take a first segment like `registry.example.com` as part of the repository's name
    #[arg(long)]
    pub keep_host: bool,
}
