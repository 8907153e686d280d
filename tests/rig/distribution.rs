//! The CNCF `distribution` registry (Debian's docker-registry), opened on a directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::http;
use super::process::{Component, free_port, program};

/// A running `distribution`.
pub(crate) struct Distribution {
    _component: Component,
    /// `127.0.0.1:PORT`: the host of an image reference.
    pub(crate) host: String,
}

impl Distribution {
    /// Serves and changes what is in `directory`.
    pub(crate) fn open(directory: &Path) -> Self {
        Self::open_with(directory, "")
    }

    /// The same with more settings: `auth:` and what is below it.
    pub(crate) fn open_with(directory: &Path, more: &str) -> Self {
        let binary = program("docker-registry", "docker-registry");
        let host = format!("127.0.0.1:{}", free_port());
        let component = Component::start("distribution", |dir| {
            let settings = format!(
                "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {directory:?}\n  delete:\n    enabled: true\n\
                 http:\n  addr: {host}\n{more}",
            );
            fs::write(dir.join("config.yml"), settings).unwrap();
            let mut command = Command::new(binary);
            command.arg("serve").arg(dir.join("config.yml"));
            command
        });
        component.wait(|| http::answers(&format!("http://{host}/v2/")));
        Self { _component: component, host }
    }

    /// The URL of a path of this registry.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}
