//! What `deploy/` holds, in the hands of those who would run it: engines, systemd, validators with the real schemas.

mod compose;
mod image;
mod kubernetes;
mod policies;
mod running;
mod swift;
mod systemd;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::rig::dist::SOURCE;
use crate::rig::layout::{Layer, Layout};
use crate::rig::random::Random;

/// A file of `deploy/`.
fn deploy(name: &str) -> PathBuf {
    Path::new(SOURCE).join("deploy").join(name)
}

/// An image of a large layer, which goes up in parts, and a small one.
fn source() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let large = Random::seeded(7).bytes(9 << 20);
    let layers = [Layer::gzip(&[("large", &large)]), Layer::gzip(&[("small", b"small")])];
    let mut layout = Layout::default();
    let image = layout.image("linux/amd64", &layers);
    layout.list(&image, "latest");
    layout.write_dir(place.path());
    place
}
