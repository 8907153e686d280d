//! Writes docker archives as `docker save` did before Docker 25: `manifest.json` and plain layer tars.

use serde_json::{Value, json};

use super::layout::{config_document, sha256, tar};

/// A docker archive in the making.
#[derive(Default)]
pub(crate) struct Archive {
    files: Vec<(String, Vec<u8>)>,
    images: Vec<Value>,
}

impl Archive {
    /// Adds an image under its names; `layers` are plain tars, base first.
    #[must_use]
    pub(crate) fn image(mut self, names: &[&str], layers: &[Vec<u8>]) -> Self {
        let diff_ids: Vec<String> = layers.iter().map(|layer| sha256(layer)).collect();
        let config = config_document("linux/amd64", diff_ids.iter()).to_string().into_bytes();
        let config_path = format!("{}.json", &sha256(&config)["sha256:".len()..]);
        let mut paths = Vec::new();
        for (diff_id, layer) in diff_ids.iter().zip(layers) {
            let path = format!("{}/layer.tar", &diff_id["sha256:".len()..]);
            self.add(&path, layer);
            paths.push(path);
        }
        self.add(&config_path, &config);
        self.images.push(json!({"Config": config_path, "RepoTags": names, "Layers": paths}));
        self
    }

    /// Adds a file that has no business there.
    #[must_use]
    pub(crate) fn stray(mut self, path: &str, bytes: &[u8]) -> Self {
        self.add(path, bytes);
        self
    }

    /// Leaves out the file at `path`, as a damaged archive does.
    #[must_use]
    pub(crate) fn without(mut self, path: &str) -> Self {
        let before = self.files.len();
        self.files.retain(|(name, _)| name != path);
        assert_ne!(self.files.len(), before, "the archive has no {path}");
        self
    }

    fn add(&mut self, path: &str, bytes: &[u8]) {
        if !self.files.iter().any(|(name, _)| name == path) {
            self.files.push((path.to_owned(), bytes.to_owned()));
        }
    }

    /// The archive's bytes.
    pub(crate) fn to_tar(&self) -> Vec<u8> {
        let manifest = json!(self.images).to_string();
        let mut files: Vec<_> =
            self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        files.push(("manifest.json", manifest.as_bytes()));
        tar(&files)
    }
}
