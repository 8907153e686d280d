//! Podman with storage of its own. It has no daemon: the component is the place where its storage is.

use std::fs;

use super::process::{Component, limited, must, program};

/// Podman as one test sees it.
pub(crate) struct Podman {
    place: Component,
}

impl Podman {
    /// Empty storage.
    pub(crate) fn new() -> Self {
        let place = Component::place("podman");
        // What Debian ships, written out: whoever runs the tests may have a policy of their own.
        let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
        fs::write(place.dir().join("policy.json"), policy).unwrap();
        fs::write(place.dir().join("containers.conf"), "[engine]\ncgroup_manager = \"cgroupfs\"\n").unwrap();
        Self { place }
    }

    /// Pulls an image from a registry that speaks plain HTTP.
    #[track_caller]
    pub(crate) fn pull(&self, image: &str) -> String {
        let policy = self.place.dir().join("policy.json");
        self.podman(&["pull", "--tls-verify=false", "--signature-policy", policy.to_str().unwrap(), image])
    }

    /// Searches a registry that speaks plain HTTP; gives a line for each repository, in this format.
    #[track_caller]
    pub(crate) fn search(&self, what: &str, format: &str) -> String {
        self.podman(&["search", "--tls-verify=false", "--no-trunc", "--format", format, what])
    }

    /// Runs the image's own command and gives what it printed.
    #[track_caller]
    pub(crate) fn run(&self, image: &str) -> String {
        // Podman's own limits are higher than a machine may allow even root to set.
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
        self.podman(&[&["run", "--rm", "--network", "none"], &limits[..], &[image]].concat())
    }

    #[track_caller]
    fn podman(&self, arguments: &[&str]) -> String {
        let mut command = limited(program("podman", "podman"));
        let dir = self.place.dir();
        command.env("CONTAINERS_CONF", dir.join("containers.conf"));
        command.arg("--root").arg(dir.join("root")).arg("--runroot").arg(dir.join("run"));
        command.arg("--tmpdir").arg(dir.join("tmp"));
        command.args(["--storage-driver", "vfs", "--events-backend", "none"]);
        must(command.args(arguments))
    }
}
