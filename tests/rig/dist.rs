//! The endpoint as it is shipped: one static file, and the image of it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::dockerd::Dockerd;
use super::ours::target;
use super::process::must;

/// This checkout.
pub(crate) const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// The static file, built by the first test that asks, as README says, in a target directory of its own, since cargo
/// holds a lock on ours.
pub(crate) fn static_endpoint() -> &'static Path {
    static SHARED: OnceLock<PathBuf> = OnceLock::new();
    SHARED.get_or_init(build)
}

fn build() -> PathBuf {
    let rustc = must(Command::new("rustc").arg("-vV"));
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let target = target().join("static");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--profile", "dist", "--locked", "--package", "registry-endpoint"]);
    cargo.args(["--target", host]);
    cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").env("CARGO_TARGET_DIR", &target);
    must(cargo.current_dir(SOURCE));
    target.join(host).join("dist/registry-endpoint")
}

/// Builds the image of `deploy/Dockerfile` from the static file. From the source it would need the image of a Rust
/// toolchain, which only Docker Hub has.
pub(crate) fn image(engine: &Dockerd, tag: &str) {
    let context = tempfile::tempdir().unwrap();
    let folder = context.path();
    fs::copy(static_endpoint(), folder.join("registry-endpoint")).unwrap();
    let dockerfile = Path::new(SOURCE).join("deploy/Dockerfile");
    let file = dockerfile.to_str().unwrap();
    engine.build(folder, &["--file", file, "--build-arg", "BINARY=given", "--tag", tag]);
}
