//! Images that a real engine built and saved.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::dockerd::dockerd;
use super::process::program;

/// An image of several layers that prints what each of them brought, saved by `docker save` and no longer
/// in the engine.
pub(crate) struct Built {
    dir: TempDir,
    /// What `docker run` of it prints.
    pub(crate) prints: String,
}

const DOCKERFILE: &str = r#"FROM scratch
COPY base /
RUN ["/bin/busybox", "sh", "-c", "busybox cat /first > /second; busybox echo second >> /second"]
COPY third /third
RUN ["/bin/busybox", "rm", "/removed"]
CMD ["/bin/busybox", "cat", "/second", "/third"]
"#;

impl Built {
    /// Builds an image whose layers no other image has: `name` is in every one of them.
    pub(crate) fn new(name: &str) -> Self {
        Self::build(name, &[])
    }

    /// The same with this label.
    pub(crate) fn labelled(name: &str, label: &str) -> Self {
        Self::build(name, &["--label", label])
    }

    fn build(name: &str, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let context = dir.path().join("context");
        fs::create_dir_all(context.join("base/bin")).unwrap();
        fs::copy(program("busybox", "busybox-static"), context.join("base/bin/busybox")).unwrap();
        fs::write(context.join("base/first"), format!("first of {name}\n")).unwrap();
        fs::write(context.join("base/removed"), "never seen\n").unwrap();
        fs::write(context.join("third"), format!("third of {name}\n")).unwrap();
        fs::write(context.join("Dockerfile"), DOCKERFILE).unwrap();

        let built = Self { dir, prints: format!("first of {name}\nsecond\nthird of {name}\n") };
        let local = format!("built/{name}:local");
        let docker = |arguments: &[&str]| dockerd().docker(arguments);
        let build = ["build", "--quiet", "--network", "none", "--tag", &local];
        docker(&[&build, options, &[path(&context)]].concat());
        assert_eq!(docker(&["run", "--rm", "--network", "none", &local]), built.prints);
        docker(&["save", "--output", path(&built.archive()), &local]);
        docker(&["image", "rm", "--force", &local]);
        built
    }

    /// The archive that `docker save` wrote.
    pub(crate) fn archive(&self) -> PathBuf {
        self.dir.path().join("saved.tar")
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
