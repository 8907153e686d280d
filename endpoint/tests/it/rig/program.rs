//! The program itself: `registry-endpoint` with its flags, its environment and its signals.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::DEADLINE;

const PROGRAM: &str = env!("CARGO_BIN_EXE_registry-endpoint");

/// The program with nothing in its environment but `environment`.
fn command(environment: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().envs(environment.iter().copied()).args(arguments);
    command
}

/// Runs it to its end: exit code, standard output, standard error.
pub(crate) fn run(environment: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(environment, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The program while it serves.
pub(crate) struct Program {
    child: Child,
    /// Its first line of log.
    pub(crate) began: String,
    pub(crate) address: SocketAddr,
    /// What it logged after that.
    log: Arc<Mutex<String>>,
    /// Its standard output, which nobody reads until it is taken.
    output: Option<ChildStdout>,
}

impl Program {
    pub(crate) fn start(environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::wait(command(environment, arguments))
    }

    /// With no more than this many open files.
    pub(crate) fn start_with_descriptors(descriptors: u32, arguments: &[&str]) -> Self {
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, PROGRAM]).args(arguments);
        Self::wait(command)
    }

    /// Until it says where it listens.
    fn wait(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut began = String::new();
        log.read_line(&mut began).unwrap();
        let address = began.split("address=").nth(1).and_then(|rest| rest.split(' ').next());
        let address = address.unwrap_or_else(|| panic!("not listening: {began}")).parse().unwrap();
        let logged = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&logged);
        // Else it would wait for us to read its log.
        std::thread::spawn(move || {
            let mut line = String::new();
            while log.read_line(&mut line).is_ok_and(|read| read > 0) {
                kept.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        let output = child.stdout.take();
        Self { child, began, address, log: logged, output }
    }

    /// Waits until it has logged these words so many times since it began, and returns all that it logged.
    pub(crate) fn logged(&self, words: &str, times: usize) -> String {
        let begin = Instant::now();
        loop {
            let log = self.log.lock().unwrap().clone();
            if log.matches(words).count() >= times {
                return log;
            }
            assert!(begin.elapsed() < DEADLINE, "`{words}` is not in the log:\n{log}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// The address for those who watch over it, which it logs when it begins to answer there.
    pub(crate) fn admin(&self) -> SocketAddr {
        let log = self.logged(" admin=", 1);
        let address = log.split(" admin=").nth(1).and_then(|rest| rest.split_whitespace().next());
        address.unwrap().parse().unwrap()
    }

    /// What it writes to standard output, to its end.
    pub(crate) fn output(&mut self) -> impl FnOnce() -> String + Send + 'static {
        let mut output = self.output.take().unwrap();
        move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        }
    }

    /// Has it end, and returns all that it wrote to standard output.
    pub(crate) fn written(&mut self) -> String {
        self.signal("TERM");
        assert!(self.ended().success());
        self.output()()
    }

    /// Sends `TERM`, `INT` or `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for it to end by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < DEADLINE, "it is still running");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
