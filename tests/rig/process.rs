//! Processes: a command run to its end, and a component that runs beside the test and never outlives it.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A command that sees nothing of the settings of whoever runs the tests: no proxy, no credentials, no PORT.
pub(crate) fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", std::env::temp_dir()).env("TMPDIR", std::env::temp_dir());
    command
}

/// The same, ended after five minutes: what hangs fails its test, and the other tests go on.
pub(crate) fn limited(program: impl AsRef<OsStr>) -> Command {
    let mut command = bare("timeout");
    command.args(["--kill-after=5", "300"]).arg(program);
    command
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    let name = command.get_program().to_owned();
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{name:?}: {error}"));
    Run::from(output)
}

/// Waits for a child at most three minutes; gives its exit code, and what it wrote to the pipes that it was given.
#[track_caller]
pub(crate) fn wait(mut child: Child) -> Run {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(180) {
            child.kill().unwrap();
            panic!("still running after three minutes: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Run::from(child.wait_with_output().unwrap())
}

/// Runs `command` and gives its standard output; a command that fails fails the test.
#[track_caller]
pub(crate) fn must(command: &mut Command) -> String {
    let run = run(command);
    assert_eq!(run.code, Some(0), "{command:?}\n{}{}", run.stdout, run.stderr);
    run.stdout
}

/// The path of a program that a Debian package brings.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: tests/run installs it, or apt-get install {package}"))
}

/// A port of 127.0.0.1 that nobody listens on. They are taken from below the kernel's ephemeral range, in turn,
/// so that neither an outgoing connection nor another test gets the same.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const LOWEST: u16 = 18000;
    const COUNT: u16 = 14000;
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = LOWEST + (start.wrapping_add(step)) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1 from {LOWEST} on");
}

/// A program that runs until this value is dropped or the test process ends, in a directory that goes with it.
pub(crate) struct Component {
    name: &'static str,
    dir: PathBuf,
    keeper: Child,
}

impl Component {
    /// Starts what `command` says, given the component's own new directory.
    pub(crate) fn start(name: &'static str, command: impl FnOnce(&Path) -> Command) -> Self {
        let dir = tempfile::Builder::new().prefix(&format!("rig-{name}-")).tempdir().unwrap().keep();
        let command = command(&dir);
        let mut keeper = bare("/bin/sh");
        keeper.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/keeper.sh"));
        keeper.arg(&dir).arg(command.get_program()).args(command.get_args());
        keeper.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        // A group of its own: Ctrl-C in the terminal reaches the test process alone, and the keeper tidies up.
        keeper.current_dir(&dir).process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
        let keeper = keeper.spawn().unwrap();
        Self { name, dir, keeper }
    }

    /// A directory that is removed, with all that is mounted in it, however the test process ends.
    pub(crate) fn place(name: &'static str) -> Self {
        Self::start(name, |_| {
            let mut sleep = Command::new("sleep");
            sleep.arg("infinity");
            sleep
        })
    }

    /// The component's own directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The component's process, once it has begun.
    pub(crate) fn pid(&self) -> Option<i32> {
        fs::read_to_string(self.dir.join("pid")).ok()?.trim().parse().ok()
    }

    /// Waits until `ready` says so; a component that ends before, or takes three minutes, fails the test with its log.
    pub(crate) fn wait(&self, mut ready: impl FnMut() -> bool) {
        let start = Instant::now();
        while !ready() {
            let late = start.elapsed() > Duration::from_secs(180);
            if late || self.has_ended() {
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                let what = if late { "is not ready after three minutes" } else { "ended at once" };
                panic!("{} {what}; it said:\n{log}", self.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether the component's process is gone. The keeper reaps it only at the end: until then it is a zombie.
    fn has_ended(&self) -> bool {
        let Ok(pid) = fs::read_to_string(self.dir.join("pid")) else { return false };
        match fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
            Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
            Err(_) => !pid.is_empty(),
        }
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
