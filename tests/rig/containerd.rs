//! A containerd of the tests' own.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use super::process::{Component, limited, must, program, run};

/// One daemon for all tests of this process.
pub(crate) struct Containerd {
    component: Component,
}

/// The daemon, started by the first test that asks.
pub(crate) fn containerd() -> &'static Containerd {
    static SHARED: OnceLock<Containerd> = OnceLock::new();
    SHARED.get_or_init(Containerd::start)
}

impl Containerd {
    fn start() -> Self {
        let daemon = program("containerd", "containerd");
        let component = Component::start("containerd", |dir| {
            let path = |name: &str| dir.join(name).display().to_string();
            let settings = format!(
                "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                 [grpc]\naddress = {:?}\n\
                 [plugins.\"io.containerd.internal.v1.opt\"]\npath = {:?}\n",
                path("root"),
                path("state"),
                path("sock"),
                path("opt"),
            );
            fs::write(dir.join("config.toml"), settings).unwrap();
            let mut command = Command::new(daemon);
            command.arg("--config").arg(dir.join("config.toml"));
            command
        });
        let containerd = Self { component };
        containerd.component.wait(|| run(containerd.command().arg("version")).code == Some(0));
        containerd
    }

    fn command(&self) -> Command {
        let mut command = limited(program("ctr", "containerd"));
        command.arg("--address").arg(self.component.dir().join("sock"));
        command
    }

    /// Runs `ctr` and gives its standard output; a failing command fails the test.
    #[track_caller]
    pub(crate) fn ctr(&self, arguments: &[&str]) -> String {
        must(self.command().args(arguments))
    }
}
