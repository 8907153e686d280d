//! What is published while faults happen.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rig::layout::{Layer, Layout};
use crate::rig::random::Random;

/// A publication of acme/app:1.2.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What the tag shows before; nothing where the store is empty.
    pub(super) before: Option<Source>,
    pub(super) then: Source,
}

/// An image as an archive.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) digest: String,
}

impl Case {
    /// All of them; their archives are below `folder`. One has a layer of `large` bytes.
    pub(super) fn all(folder: &Path, large: usize) -> [Self; 3] {
        let source = |name: &str, sizes: &[usize]| Source::new(folder.join(name), sizes);
        [
            Self { name: "first image", before: None, then: source("first", &[3000, 2000]) },
            Self {
                name: "moved tag",
                before: Some(source("old", &[1000, 4000])),
                then: source("new", &[3000, 2001]),
            },
            Self { name: "large layer", before: None, then: source("large", &[large]) },
        ]
    }
}

impl Source {
    /// With layers of these sizes, which no compression makes smaller.
    fn new(path: PathBuf, sizes: &[usize]) -> Self {
        let layer = |size: &usize| Layer::gzip(&[("noise", &Random::seeded(*size as u64).bytes(*size))]);
        let mut layout = Layout::default();
        let image = layout.image("linux/amd64", &sizes.iter().map(layer).collect::<Vec<_>>());
        layout.list(&image, "1.2");
        fs::write(&path, layout.to_tar()).unwrap();
        Self { path, digest: image["digest"].as_str().unwrap().to_owned() }
    }
}
