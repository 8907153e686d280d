//! A Docker Engine of the tests' own, with its own data, sockets and containerd.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::process::{Component, limited, must, program, run};

/// One engine for all tests of this process. Layers are shared between its images: a test that wants to see
/// a layer travel makes one that no other image has.
pub(crate) struct Dockerd {
    component: Component,
    client: PathBuf,
}

/// The engine, started by the first test that asks.
pub(crate) fn dockerd() -> &'static Dockerd {
    static SHARED: OnceLock<Dockerd> = OnceLock::new();
    SHARED.get_or_init(Dockerd::start)
}

impl Dockerd {
    fn start() -> Self {
        let daemon = program("dockerd", "docker.io");
        let client = program("docker", "docker.io");
        let component = Component::start("dockerd", |dir| {
            let mut command = Command::new(daemon);
            let path = |name: &str| dir.join(name);
            command.arg("--data-root").arg(path("data")).arg("--exec-root").arg(path("exec"));
            command.arg("--pidfile").arg(path("dockerd.pid"));
            command.arg("--host").arg(format!("unix://{}", path("docker.sock").display()));
            // Its own settings file, absent: whoever runs the tests may have one in /etc/docker.
            std::fs::write(path("daemon.json"), "{}").unwrap();
            command.arg("--config-file").arg(path("daemon.json"));
            command.args(["--insecure-registry", "127.0.0.0/8"]);
            // No test needs a container with a network, and the machine's network stays as it is.
            command.args(["--iptables=false", "--ip6tables=false", "--bridge=none"]);
            command
        });
        let dockerd = Self { component, client };
        dockerd.component.wait(|| run(dockerd.command().arg("version")).code == Some(0));
        dockerd
    }

    /// `docker`, talking to this engine.
    pub(crate) fn command(&self) -> Command {
        let mut command = limited(&self.client);
        let dir = self.component.dir();
        command.env("DOCKER_HOST", format!("unix://{}", dir.join("docker.sock").display()));
        command.env("DOCKER_CONFIG", dir.join("client"));
        // The classic builder: BuildKit is a package of its own.
        command.env("DOCKER_BUILDKIT", "0");
        command
    }

    /// Runs `docker` and gives its standard output; a failing command fails the test.
    #[track_caller]
    pub(crate) fn docker(&self, arguments: &[&str]) -> String {
        must(self.command().args(arguments))
    }

    /// Whether the engine has this image.
    pub(crate) fn has(&self, image: &str) -> bool {
        run(self.command().args(["image", "inspect", image])).code == Some(0)
    }
}
