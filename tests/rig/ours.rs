//! Our own two programs, as users run them.

use std::env;
use std::fs::{self, File};
use std::net::{IpAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::authority::Authority;
use super::http;
use super::process::{Component, Run, bare, free_port, limited, run};
use super::seaweed::{OWNER, User};

/// cargo's target directory, of which `debug/deps` holds this test.
pub(crate) fn target() -> PathBuf {
    env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

fn program(name: &str) -> PathBuf {
    let path = env::current_exe().unwrap().ancestors().nth(2).unwrap().join(name);
    assert!(path.is_file(), "{} is missing: run tests/run, which builds it first", path.display());
    path
}

/// Runs `registry-publisher` with this user's credentials.
pub(crate) fn publisher(user: User, arguments: &[&str]) -> Run {
    run(with_credentials(limited(program("registry-publisher")), user).args(arguments))
}

/// The same as somebody who may do everything, and how much resident memory it took at most, in MB rounded up.
pub(crate) fn publisher_measured(arguments: &[&str]) -> (Run, u64) {
    measured(arguments, |command| {
        command.stdin(Stdio::null());
    })
}

/// The same with a file as its standard input, and room for temporary files.
pub(crate) fn publisher_fed(arguments: &[&str], input: File, room: &Path) -> (Run, u64) {
    measured(arguments, |command| {
        command.stdin(input).env("TMPDIR", room);
    })
}

fn measured(arguments: &[&str], set: impl FnOnce(&mut Command)) -> (Run, u64) {
    let place = tempfile::tempdir().unwrap();
    let (file, ours) = (place.path().join("peak"), limited(program("registry-publisher")));
    let mut command = bare("/usr/bin/python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/peak.py")).arg(&file);
    command.arg(ours.get_program()).args(ours.get_args());
    let mut command = with_credentials(command, OWNER);
    set(command.args(arguments));
    let run = Run::from(command.output().unwrap());
    let peak: u64 =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {run:?}")).parse().unwrap();
    (run, (peak * 1024).div_ceil(1_000_000))
}

/// The command `registry-publisher` of somebody who may do everything, to be ended by the test.
pub(crate) fn publisher_command() -> Command {
    with_credentials(bare(program("registry-publisher")), OWNER)
}

fn with_credentials(mut command: Command, user: User) -> Command {
    command.env("AWS_ACCESS_KEY_ID", user.0).env("AWS_SECRET_ACCESS_KEY", user.1);
    // Where nothing answers the questions of a cloud's SDK, they would take their time.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// A running `registry-endpoint`.
pub(crate) struct Endpoint {
    component: Component,
    /// `127.0.0.1:PORT`: the host of an image reference.
    pub(crate) host: String,
}

impl Endpoint {
    /// Redirects to objects below `url`.
    pub(crate) fn to_cdn(url: &str) -> Self {
        Self::start(&["--cdn", url])
    }

    /// Answers with manifests and lists itself, which it fetches below `url`, and redirects there for the rest.
    pub(crate) fn serving(url: &str, more: &[&str]) -> Self {
        Self::start(&[&["--cdn", url, "--documents", "serve"], more].concat())
    }

    /// Serves the objects of a directory itself.
    pub(crate) fn of_directory(directory: &Path) -> Self {
        Self::start(&["--directory", directory.to_str().unwrap()])
    }

    /// Serves the objects of a directory at this address, with the authority's certificate `server`.
    pub(crate) fn by_tls(directory: &Path, address: IpAddr, authority: &Authority, more: &[&str]) -> Self {
        let [certificate, key] = ["server.pem", "server.key"].map(|file| authority.path(file));
        let [directory, certificate, key] =
            [directory, &certificate, &key].map(|path| path.to_str().unwrap());
        let flags = ["--directory", directory, "--tls-cert", certificate, "--tls-key", key];
        let host = format!("{address}:{}", free_port());
        // It speaks only with who has certificates, so that it listens is all that can be seen.
        Self::at(host, &[&flags, more].concat(), |host| TcpStream::connect(host).is_ok())
    }

    /// Redirects to objects below `url`, itself with the authority's certificate `server`.
    pub(crate) fn to_cdn_by_tls(url: &str, authority: &Authority) -> Self {
        let [certificate, key] = ["server.pem", "server.key"].map(|file| authority.path(file));
        let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
        let host = format!("127.0.0.1:{}", free_port());
        Self::at(host, &["--cdn", url, "--tls-cert", certificate, "--tls-key", key], |host| {
            TcpStream::connect(host).is_ok()
        })
    }

    /// The same at this address, `127.0.0.1:PORT`: where another one was, perhaps.
    pub(crate) fn of_directory_at(host: &str, directory: &Path) -> Self {
        Self::answering(host.to_owned(), &["--directory", directory.to_str().unwrap()])
    }

    /// With a settings file, and more flags.
    pub(crate) fn with_settings(file: &Path, more: &[&str]) -> Self {
        Self::start(&[&["--settings", file.to_str().unwrap()], more].concat())
    }

    /// The process.
    pub(crate) fn pid(&self) -> i32 {
        self.component.pid().unwrap()
    }

    fn start(arguments: &[&str]) -> Self {
        Self::answering(format!("127.0.0.1:{}", free_port()), arguments)
    }

    fn answering(host: String, arguments: &[&str]) -> Self {
        Self::at(host, arguments, |host| http::answers(&format!("http://{host}/healthz")))
    }

    fn at(host: String, arguments: &[&str], ready: impl Fn(&str) -> bool) -> Self {
        let component = Component::start("endpoint", |_| {
            let mut command = Command::new(program("registry-endpoint"));
            command.args(["--listen", &host]).args(arguments);
            command
        });
        component.wait(|| ready(&host));
        Self { component, host }
    }

    /// The URL of a path of this endpoint.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}
