//! Publishes container images into a public bucket: a source is opened as an image, a plan says what is written in
//! which order, a store takes it.
//!
//! # The way of one image
//!
//! [`source::open`] → [`image::Image`] → [`publish::prepare`] → [`plan::Plan`] → [`publish::publish`] →
//! [`store::Store`]. Names, digests, manifests and the paths of objects are [`contract`]'s, which is here under its name.
//!
//! ```
//! use publisher::apply::Apply;
//! use publisher::contract::name::Reference;
//! use publisher::derive::Derive;
//! use publisher::grace::Grace;
//! use publisher::immutable::Immutable;
//! use publisher::plan::{Wish, targets};
//! use publisher::progress::Silent;
//! use publisher::publish::{prepare, publish};
//! use publisher::source::{self, Wanted};
//! use publisher::store::Store;
//! use publisher::store::directory::Directory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let place = tempfile::tempdir()?;
//! # let app = place.path().join("layout");
//! # std::fs::create_dir_all(app.join("blobs/sha256"))?;
//! # let mut blob = |media: &str, bytes: String| -> Result<serde_json::Value, std::io::Error> {
//! #     let digest = publisher::contract::digest::Digest::of(publisher::contract::digest::Algorithm::Sha256, bytes.as_bytes());
//! #     std::fs::write(app.join(format!("blobs/sha256/{}", digest.hex())), &bytes)?;
//! #     Ok(serde_json::json!({"mediaType": media, "digest": digest, "size": bytes.len()}))
//! # };
//! # let config = blob("application/vnd.oci.empty.v1+json", "{}".into())?;
//! # let media = "application/vnd.oci.image.manifest.v1+json";
//! # let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": media, "artifactType": "a/b", "config": config,
//! #     "layers": [config]});
//! # let mut root = blob(media, manifest.to_string())?;
//! # root["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "1.2"});
//! # std::fs::write(app.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
//! # std::fs::write(app.join("index.json"), serde_json::json!({"schemaVersion": 2, "manifests": [root]}).to_string())?;
//! # let (app, bucket) = (app.to_str().ok_or("path")?, place.path().join("bucket"));
//! let references: Vec<Reference> = vec!["acme/app:1.2".parse()?, "acme/app:latest".parse()?];
//!
//! // Everything small is read and verified here. `app` is what the command line takes: a path, `docker-daemon:app:1.2`, …
//! let opened = source::open(app, &Wanted::of(&references), &()).await?;
//!
//! // `store::open` has any of them, by what the command line takes for `--to`.
//! let store = Directory::create(bucket).await?;
//! let derive = Derive { store: &store, v1_platform: "linux/amd64" };
//! let (targets, immutable) = (targets(&references), Immutable::default());
//! // Nothing for Docker before 1.10: `v1_chain::of` makes these images.
//! let (v1, grace) = (&[], Grace::default());
//! let wish = Wish { image: &opened.image, targets: &targets, v1, immutable: &immutable, grace };
//!
//! let plan = prepare(derive, &wish, 4).await?;
//! println!("{plan}");
//! publish(Apply { from: &*opened.from, derive, jobs: 4, progress: &Silent }, &wish, &plan).await?;
//! store.close().await?;
//!
//! // Who publishes the same again has nothing to do.
//! assert!(prepare(derive, &wish, 4).await?.phases.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # What to implement
//!
//! - [`content::Open`], where images come from somewhere else: [`image::Image::load`] makes an image of it.
//! - [`store::Store`], to keep objects elsewhere. `tests/conformance` of this crate is what it has to pass.
//! - [`progress::Progress`] and [`source::Told`], to show how far things are.
//!
//! The futures of what publishes, looks and verifies are `Send`: they may be spawned. Dropping one leaves what is visible
//! whole, and [`store::Store::close`] ends what was begun. Logs go to `tracing`. The command line is [`cli`] and [`command`];
//! only [`report`] prints.

pub use contract;

mod activity;
pub mod ahead;
pub mod announce;
mod anonymous;
pub mod apply;
mod at_once;
mod claim;
pub mod cli;
pub mod collect;
pub mod command;
pub mod content;
pub mod copy;
pub mod derive;
mod describe;
pub mod failure;
mod found;
pub mod grace;
pub mod history;
pub mod image;
pub mod immutable;
pub mod join;
pub mod listings;
pub mod look;
pub mod mirror;
pub mod noted;
pub mod plan;
pub mod progress;
pub mod prove;
pub mod publish;
pub mod rate;
mod reading;
pub mod relist;
pub mod remembered;
pub mod remove;
pub mod report;
pub mod retain;
mod secure;
pub mod settings;
pub mod source;
pub mod store;
pub mod stored;
pub mod survey;
pub mod through;
pub mod v1_chain;
mod v1_layer;
pub mod verify;
