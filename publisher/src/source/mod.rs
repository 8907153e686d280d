//! Sources: where an image comes from. A docker archive, an OCI layout or skopeo's `dir:`, told apart by looking; the
//! Docker daemon; or a registry.

use std::collections::HashMap;
use std::sync::Arc;

use contract::digest::Digest;
use contract::media::MediaType;
use contract::name::Reference;

use crate::content::Open;
use crate::image::{Image, ImageError};
use crate::store::SendError;
use layer::Packer;

mod again;
mod archive;
mod argument;
mod blocks;
mod choose;
mod chunk;
mod coming;
mod compression;
mod daemon;
mod destination;
mod docker;
mod held;
mod kept;
mod layer;
mod layers;
mod layout;
mod packing;
mod pick;
mod place;
pub mod registry;
pub(crate) mod repack;
mod stream;
mod tree;
pub(crate) mod unpacked;
mod work;

pub use archive::ArchiveError;
pub use argument::Unsupported;
use argument::Where;
pub use choose::ChooseError;
pub use compression::{Compress, Compression};
pub use daemon::DaemonError;
pub use destination::Destination;
pub use layer::LayerError;

/// What is wanted of a source.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Which image, where the source holds several: a name, a tag or a digest.
    pub image: Option<&'a str>,
    /// What is published: an image of such a name is the one, where `image` says nothing.
    pub references: &'a [Reference],
    /// Of manifests that are made here.
    pub manifest_type: ManifestType,
    /// How layers are packed where the manifest is made here.
    pub compress: Compress,
    /// Who knows what became of layers before, and takes those that are packed.
    pub to: &'a dyn Destination,
    /// Whether everything is read and checked, also what need not be sent.
    pub verify: bool,
    /// Whether an image index must be complete.
    pub strict: bool,
    /// How a registry is asked.
    pub access: registry::Access<'a>,
}

impl<'a> Wanted<'a> {
    /// What is published under these names, and everything else by default.
    pub fn of(references: &'a [Reference]) -> Self {
        Self {
            image: None,
            references,
            manifest_type: ManifestType::default(),
            compress: Compress::default(),
            to: &(),
            verify: false,
            strict: false,
            access: registry::Access::default(),
        }
    }
}

/// The kind of manifest that is made for an image of a docker archive with plain layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManifestType {
    /// Docker schema 2, which every client since 2016 reads
    #[default]
    Docker,
    /// OCI image manifest
    Oci,
}

impl ManifestType {
    /// The media type of an image index of this kind.
    pub fn index(self) -> &'static str {
        match self {
            Self::Docker => MediaType::DOCKER_LIST,
            Self::Oci => MediaType::OCI_INDEX,
        }
    }
}

/// An opened source.
pub struct Opened {
    /// Where content comes from.
    pub from: Box<dyn Open>,
    /// What is published.
    pub image: Image,
}

/// Told how far long work is: reading standard input, decompressing, packing layers.
pub trait Told: Send + Sync {
    /// Of `what`, so many bytes are done: none at its beginning. `total` where it is known. Several can be in work
    /// at once.
    fn progress(&self, what: &str, done: u64, total: Option<u64>) {
        let _ = (what, done, total);
    }
}

/// Nobody is told.
impl Told for () {}

/// Why a source cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A place that is no source.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A registry.
    #[error(transparent)]
    Registry(#[from] registry::RegistryError),
    /// Two images were asked for.
    #[error("--image says `{image}`, but the source `{suffix}`")]
    TwoImages {
        /// By `--image`.
        image: String,
        /// Behind the source's path.
        suffix: String,
    },
    /// The Docker daemon.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// The files of the source.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It has none of the files that make an image.
    #[error("{name} holds no image: it has neither `manifest.json` nor `index.json`")]
    NoImage {
        /// Of the source.
        name: String,
        /// What it may be instead.
        hint: &'static str,
    },
    /// It is not what its prefix says.
    #[error("{name} is not {said}: it has no {lacks}")]
    NotAsSaid {
        /// Of the source.
        name: String,
        /// `an OCI layout`.
        said: &'static str,
        /// What it would have.
        lacks: &'static str,
    },
    /// A document is no JSON, or of another shape.
    #[error("`{member}` of {name} is not valid")]
    Document {
        /// Of the source.
        name: String,
        /// The document.
        member: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A document that has to be held in memory, and is too large for that.
    #[error("`{member}` of {name} has {size} bytes, more than the {max} that are accepted")]
    TooLarge {
        /// Of the source.
        name: String,
        /// The document.
        member: String,
        /// How large it is.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// A file that another one names is not there.
    #[error("{name} lacks `{member}`, which its `{by}` names")]
    Lacks {
        /// Of the source.
        name: String,
        /// What is not there.
        member: String,
        /// Who names it.
        by: &'static str,
    },
    /// A config that is named by a digest, and is not that.
    #[error("the config `{member}` of {name} is damaged: its digest is {found}")]
    Config {
        /// Of the source.
        name: String,
        /// The config's file.
        member: String,
        /// Of its bytes.
        found: Digest,
    },
    /// Config and archive do not fit.
    #[error("{name} lists {layers} layers for an image whose config has {diff_ids}")]
    Layers {
        /// Of the source.
        name: String,
        /// In `manifest.json`.
        layers: usize,
        /// In the config.
        diff_ids: usize,
    },
    /// A layer cannot be published.
    #[error("the layer `{member}` of {name} cannot be published")]
    Layer {
        /// Of the source.
        name: String,
        /// The layer's file.
        member: String,
        /// Why not.
        #[source]
        source: LayerError,
    },
    /// Which image is not clear.
    #[error("no image of {name} is chosen")]
    Choose {
        /// Of the source.
        name: String,
        /// Why not.
        #[source]
        source: ChooseError,
    },
    /// A layer could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The image itself.
    #[error("the image of {name} cannot be published")]
    Image {
        /// Of the source.
        name: String,
        /// Why not.
        #[source]
        source: ImageError,
    },
}

impl SourceError {
    /// Whether what was typed or set is wrong, whatever is there.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Unsupported(_) | Self::TwoImages { .. } => true,
            Self::Registry(registry) => registry.is_usage(),
            Self::Daemon(DaemonError::Host { .. } | DaemonError::Name(_)) => true,
            Self::Daemon(_)
            | Self::Archive(_)
            | Self::NoImage { .. }
            | Self::NotAsSaid { .. }
            | Self::Document { .. }
            | Self::TooLarge { .. }
            | Self::Lacks { .. }
            | Self::Config { .. }
            | Self::Layers { .. }
            | Self::Layer { .. }
            | Self::Choose { .. }
            | Self::Send(_)
            | Self::Image { .. } => false,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        const AGAIN: &str = "the source is damaged: save the image again";
        match self {
            Self::Unsupported(unsupported) => Some(unsupported.hint()),
            Self::Daemon(daemon) => daemon.hint(),
            Self::Registry(registry) => registry.hint(),
            Self::Archive(archive) => archive.hint(),
            Self::NoImage { hint, .. } => Some((*hint).to_owned()),
            Self::NotAsSaid { .. } => Some("leave the prefix away, and it is found out by looking".into()),
            Self::Choose { source, .. } => source.hint(),
            Self::Image { source, .. } => source.hint(),
            Self::Layer { source: LayerError::Temporary(_), .. } => {
                Some("TMPDIR names another directory for temporary files".into())
            }
            Self::Layer { source: LayerError::Staged { .. }, .. } => None,
            Self::Lacks { .. } | Self::Config { .. } | Self::Layers { .. } | Self::Layer { .. } => {
                Some(AGAIN.into())
            }
            Self::Document { .. } => Some(AGAIN.into()),
            Self::TwoImages { .. } => Some("say it once".into()),
            Self::TooLarge { .. } | Self::Send(_) => None,
        }
    }
}

/// Opens a source: a path, one of skopeo's spellings, `docker-daemon:IMAGE`, `docker://…` in a registry, or `-` for
/// standard input.
///
/// Everything small is read and verified; that configs and layers are there is made sure of. Layers of docker archives
/// are packed into temporary files without names, which are gone when [`Opened::from`] is. So are the large members of
/// what can be read only once: standard input, the daemon's answer, an archive that is compressed as a whole.
pub async fn open(source: &str, wanted: &Wanted<'_>, told: &dyn Told) -> Result<Opened, SourceError> {
    if source.starts_with(registry::PREFIX) {
        let opened = registry::open(source, wanted, told).await?;
        if wanted.verify {
            held::read_through(&*opened.from, &opened.image, &HashMap::new()).await?;
        }
        return Ok(opened);
    }
    let argument = argument::parse(source, std::path::Path::exists)?;
    let suffix = match &argument.place {
        Where::Daemon(image) => Some(image.as_str()),
        Where::Input | Where::Path(_) => argument.image.as_deref(),
    };
    let image = match (wanted.image, suffix) {
        (Some(image), Some(suffix)) if image != suffix => {
            return Err(SourceError::TwoImages { image: image.to_owned(), suffix: suffix.to_owned() });
        }
        // The daemon was asked for one image.
        _ if matches!(argument.place, Where::Daemon(_)) => None,
        (image, suffix) => image.or(suffix),
    };
    let packer = Arc::new(Packer::new(wanted.compress, wanted.to.folder().await));
    let tree = tree::Tree::open(&argument.place, Arc::clone(&packer), wanted.to, told).await?;
    let wanted = Wanted { image, ..*wanted };
    let (mut held, root) = pick::pick(tree, argument.said, &wanted, told).await?;
    packer.rest();
    let compressed = std::mem::take(&mut held.compressed);
    let name = || held.tree.name.clone();
    let image = Image::load(&held, root, wanted.strict).await;
    let image = image.map_err(|source| SourceError::Image { name: name(), source })?;
    let image = Image { compressed, ..image };
    if wanted.verify {
        held::read_through(&held, &image, &held.made).await?;
    }
    Ok(Opened { from: Box::new(held), image })
}
