//! Docker Registry v1: its names and ids, and the chain of v1 images that an image becomes.
//!
//! What old Docker asks for and reads is in the Docker registry v1 API
//! ([image spec v1](https://github.com/moby/docker-image-spec/blob/main/v1.md)). A v1 image is one layer with a JSON
//! document and a parent; the last one of a chain carries the image's config.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::descriptor::Descriptor;
use crate::digest::{Digest, Hex, unhex};
use crate::manifest::{Content, Manifest};
use crate::media::{Compression, MediaType};
use crate::name;

/// A repository as v1 knows it: always two segments, `library/` before a name of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(name::Repository);

const LIBRARY: &str = "library/";

impl Repository {
    /// How v1 calls a repository. `None` for three segments and more, which old Docker cannot ask for, and for
    /// `library/app`, whose name in v1 belongs to `app`.
    pub fn of(name: &name::Repository) -> Option<Self> {
        match name.segments().count() {
            1 => Self::parse(&format!("{LIBRARY}{name}")),
            2 if !name.as_str().starts_with(LIBRARY) => Some(Self(name.clone())),
            _ => None,
        }
    }

    /// The repository whose name in v1 this is.
    pub fn repository(&self) -> name::Repository {
        let short = self.0.as_str().strip_prefix(LIBRARY).and_then(|short| short.parse().ok());
        short.unwrap_or_else(|| self.0.clone())
    }

    /// As it is written in paths.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// From the two segments of a path.
    pub fn parse(path: &str) -> Option<Self> {
        let name: name::Repository = path.parse().ok()?;
        (name.segments().count() == 2).then_some(Self(name))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Docker's own `MaxImageDepth`, which was that of aufs. Each v1 image names all below it: without a bound, a manifest of
/// 4 MiB would become gigabytes of names.
pub const LAYERS_MAX: usize = 127;

/// A v1 image's id: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub [u8; 32]);

/// Text that is no v1 image's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a v1 image's id: expected 64 lower-case hex digits")]
pub struct IdError(String);

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        unhex(text).map(Self).ok_or_else(|| IdError(text.to_owned()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One v1 image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: Id,
    /// Its `json` object.
    pub json: Vec<u8>,
    /// Its `ancestry` object: own id first, root last.
    pub ancestry: Vec<u8>,
    /// The blob that its `layer` object is a copy of.
    pub layer: Descriptor,
    /// Where old Docker cannot read that blob, its `layer` object is gzip of what the blob holds instead. This is the
    /// digest of that, the plain tar.
    pub gzip_of: Option<Digest>,
}

/// Why v1 cannot hold an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHeld {
    /// See [`Repository::of`].
    #[error("v1 knows names of one or two segments, without `library/`")]
    Name,
    /// An index without the wanted platform.
    #[error("it has no {0} image")]
    Platform(String),
    /// Its config is no image's.
    #[error("it is an artifact of type {0}")]
    Artifact(MediaType),
    /// Its config cannot be read.
    #[error("its config is not valid JSON")]
    Config,
    /// There is nothing to be an image of.
    #[error("it has no layer")]
    NoLayer,
    /// See [`LAYERS_MAX`].
    #[error("it has {0} layers, of which old Docker runs {LAYERS_MAX} at most")]
    TooManyLayers(usize),
    /// A layer that old Docker cannot unpack, or that is not there.
    #[error("old Docker cannot read a layer of type {0}")]
    Layer(MediaType),
    /// zstd of which nobody says what it holds: nothing else can be made of it.
    #[error("its config does not say what its layers of type {0} hold")]
    DiffIds(MediaType),
}

/// The v1 images of an image manifest, base first; never empty.
///
/// The ids are derived from layer, document and parent, so the same image has the same ids wherever it is published.
pub fn chain(manifest: &Manifest, config: &[u8]) -> Result<Vec<Image>, NotHeld> {
    let layers = held_layers(manifest)?;
    let config: Map<String, Value> = serde_json::from_slice(config).map_err(|_| NotHeld::Config)?;
    let steps = steps(&config, layers.len());
    let diff_ids = diff_ids(&config, layers.len());
    let mut images: Vec<Image> = Vec::with_capacity(layers.len());
    let mut ancestry: Vec<Id> = Vec::new();
    for (nth, layer) in layers.iter().enumerate() {
        let gzip_of = gzip_of(layer, diff_ids.get(nth))?;
        let is_top = nth + 1 == layers.len();
        let document = if is_top { top(&config) } else { below_top(steps.get(nth).copied()) };
        let parent = ancestry.first().copied();
        let id = derive_id(layer, &document, parent);
        ancestry.insert(0, id);
        let mut json = json!({ "id": id });
        if let (Some(fields), Some(parent)) = (json.as_object_mut(), parent) {
            fields.insert("parent".into(), json!(parent));
        }
        json.as_object_mut().into_iter().for_each(|fields| fields.extend(document.clone()));
        images.push(Image {
            id,
            json: json.to_string().into_bytes(),
            ancestry: json!(ancestry).to_string().into_bytes(),
            layer: layer.clone(),
            gzip_of,
        });
    }
    Ok(images)
}

/// The layers, where v1 can hold each of them.
fn held_layers(manifest: &Manifest) -> Result<&[Descriptor], NotHeld> {
    let Content::Image { config, layers } = &manifest.content else {
        return Err(NotHeld::Artifact(manifest.media_type().clone()));
    };
    if !config.media_type.is_image_config() {
        return Err(NotHeld::Artifact(manifest.artifact_type.as_ref().unwrap_or(&config.media_type).clone()));
    }
    let readable = |layer: &&Descriptor| {
        !layer.may_be_absent()
            && match layer.media_type.layer_compression() {
                Some(Compression::None | Compression::Gzip | Compression::Bzip2 | Compression::Xz) => true,
                // What it holds can be.
                Some(Compression::Zstd) => true,
                Some(Compression::Other) | None => false,
            }
    };
    match layers.iter().find(|layer| !readable(layer)) {
        Some(layer) => Err(NotHeld::Layer(layer.media_type.clone())),
        None if layers.len() > LAYERS_MAX => Err(NotHeld::TooManyLayers(layers.len())),
        None if layers.is_empty() => Err(NotHeld::NoLayer),
        None => Ok(layers),
    }
}

/// What the plain layers are, where the config says it of as many as there are
/// ([config.md, `rootfs`](https://github.com/opencontainers/image-spec/blob/main/config.md#properties)).
fn diff_ids(config: &Map<String, Value>, layers: usize) -> Vec<Digest> {
    let said = config.get("rootfs").and_then(|rootfs| rootfs.get("diff_ids")).and_then(Value::as_array);
    let read = |said: &Value| said.as_str()?.parse().ok();
    let diff_ids: Vec<Digest> = said.into_iter().flatten().map_while(read).collect();
    if diff_ids.len() == layers { diff_ids } else { Vec::new() }
}

/// Of zstd, the tar that it holds: what is made of it has to be that.
fn gzip_of(layer: &Descriptor, diff_id: Option<&Digest>) -> Result<Option<Digest>, NotHeld> {
    if layer.media_type.layer_compression() != Some(Compression::Zstd) {
        return Ok(None);
    }
    diff_id.copied().map(Some).ok_or_else(|| NotHeld::DiffIds(layer.media_type.clone()))
}

/// The entries of the config's history that made a layer, where they are as many as the layers.
fn steps(config: &Map<String, Value>, layers: usize) -> Vec<&Map<String, Value>> {
    let history = config.get("history").and_then(Value::as_array);
    let makes_layer =
        |step: &&Map<String, Value>| !step.get("empty_layer").and_then(Value::as_bool).unwrap_or(false);
    let steps: Vec<_> =
        history.into_iter().flatten().filter_map(Value::as_object).filter(makes_layer).collect();
    if steps.len() == layers { steps } else { Vec::new() }
}

/// When nobody says when: Go clients fail on a date that is not one.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// The document of the last image: what runs.
fn top(config: &Map<String, Value>) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("created".into(), config.get("created").cloned().unwrap_or_else(|| EPOCH.into()));
    for field in
        ["author", "comment", "docker_version", "architecture", "os", "variant", "container_config", "config"]
    {
        if let Some(value) = config.get(field) {
            document.insert(field.into(), value.clone());
        }
    }
    document
}

/// The document of an image below the last: when and by which command it was made.
fn below_top(step: Option<&Map<String, Value>>) -> Map<String, Value> {
    let mut document = Map::new();
    let field = |name: &str| step.and_then(|step| step.get(name)).cloned();
    document.insert("created".into(), field("created").unwrap_or_else(|| EPOCH.into()));
    for name in ["author", "comment"] {
        document.extend(field(name).map(|value| (name.to_owned(), value)));
    }
    if let Some(command) = field("created_by") {
        document.insert("container_config".into(), json!({ "Cmd": [command] }));
    }
    document
}

fn derive_id(layer: &Descriptor, document: &Map<String, Value>, parent: Option<Id>) -> Id {
    let text = json!({ "layer": layer.digest, "parent": parent, "document": document }).to_string();
    Id(Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests;
