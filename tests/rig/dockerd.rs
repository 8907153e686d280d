//! A Docker Engine of the tests' own, with its own data, sockets and containerd.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::authority::Authority;
use super::process::{Component, bare, limited, must, program, run};

/// One engine for all tests of this process. Layers are shared between its images: a test that wants to see
/// a layer travel makes one that no other image has.
pub(crate) struct Dockerd {
    component: Component,
    client: PathBuf,
}

/// No test needs a container with a network, and the machine's network stays as it is.
const NO_NETWORK: [&str; 3] = ["--iptables=false", "--ip6tables=false", "--bridge=none"];

/// The engine, started by the first test that asks.
pub(crate) fn dockerd() -> &'static Dockerd {
    static SHARED: OnceLock<Dockerd> = OnceLock::new();
    SHARED.get_or_init(|| Dockerd::start(&[], &NO_NETWORK))
}

/// Another engine, on a network of its own, as on another machine: its containers have addresses and ports.
pub(crate) fn networked() -> &'static Dockerd {
    static SHARED: OnceLock<Dockerd> = OnceLock::new();
    let inside = ["unshare", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"];
    SHARED.get_or_init(|| Dockerd::start(&inside, &[]))
}

impl Dockerd {
    /// One more engine, which listens at `tcp://…` too: there to clients with a certificate of this authority alone,
    /// and with its certificate `server`.
    pub(crate) fn by_tls(address: &str, authority: &Authority) -> Self {
        let file = |name| authority.path(name).to_str().unwrap().to_owned();
        let [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(file);
        let tls = ["--tlsverify", "--tlscacert", &ca, "--tlscert", &certificate, "--tlskey", &key];
        Self::start(&[], &[&NO_NETWORK[..], &["--host", address], &tls].concat())
    }

    fn start(inside: &[&str], flags: &[&str]) -> Self {
        let daemon = program("dockerd", "docker.io");
        let client = program("docker", "docker.io");
        let component = Component::start("dockerd", |dir| {
            let mut words: Vec<OsString> = inside.iter().map(OsString::from).collect();
            words.push(daemon.into());
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]);
            let path = |name: &str| dir.join(name);
            command.arg("--data-root").arg(path("data")).arg("--exec-root").arg(path("exec"));
            command.arg("--pidfile").arg(path("dockerd.pid"));
            command.arg("--host").arg(format!("unix://{}", path("docker.sock").display()));
            // Its own settings file, absent: whoever runs the tests may have one in /etc/docker.
            fs::write(path("daemon.json"), "{}").unwrap();
            command.arg("--config-file").arg(path("daemon.json"));
            command.args(["--insecure-registry", "127.0.0.0/8"]);
            command.args(flags);
            command
        });
        let dockerd = Self { component, client };
        dockerd.component.wait(|| run(dockerd.command().arg("version")).code == Some(0));
        dockerd
    }

    /// `docker`, talking to this engine.
    pub(crate) fn command(&self) -> Command {
        let mut command = limited(&self.client);
        self.tell(&mut command);
        // The classic builder, which every client has: after Docker 20.10 BuildKit is a package of its own.
        command.env("DOCKER_BUILDKIT", "0");
        command
    }

    /// Tells a client of Docker's API where this engine is.
    pub(crate) fn tell(&self, client: &mut Command) {
        let dir = self.component.dir();
        client.env("DOCKER_HOST", format!("unix://{}", dir.join("docker.sock").display()));
        client.env("DOCKER_CONFIG", dir.join("client"));
    }

    /// Builds by BuildKit, which Dockerfiles for users may count on, and without a network.
    #[track_caller]
    pub(crate) fn build(&self, context: &Path, arguments: &[&str]) {
        let mut command = self.command();
        command.env("DOCKER_BUILDKIT", "1").args(["build", "--quiet", "--network", "none"]);
        must(command.args(arguments).arg(context));
    }

    /// The same command on the engine's network.
    pub(crate) fn inside(&self, command: &Command) -> Command {
        let pid = fs::read_to_string(self.component.dir().join("pid")).unwrap();
        let mut inside = bare(program("nsenter", "util-linux"));
        inside.arg(format!("--net=/proc/{}/ns/net", pid.trim()));
        inside.arg(command.get_program()).args(command.get_args());
        inside.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        inside
    }

    /// What a GET on the engine's network is answered; none but for a 200.
    pub(crate) fn get(&self, url: &str) -> Option<String> {
        let mut wget = limited(program("busybox", "busybox-static"));
        let run = run(&mut self.inside(wget.args(["wget", "-q", "-O", "-", url])));
        (run.code == Some(0)).then_some(run.stdout)
    }

    /// Waits for something of a container; one that takes three minutes fails the test.
    #[track_caller]
    pub(crate) fn wait(&self, ready: impl FnMut() -> bool) {
        self.component.wait(ready);
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
