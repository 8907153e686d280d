//! The CI jobs of `examples/ci`, run as the runners run their shell steps: what they publish can be pulled and runs.
//!
//! What a runner does itself is done here: it checks the repository out, has credentials (here the store's own, in place
//! of a role's), and puts its variables into the environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::rig::dockerd::dockerd;
use crate::rig::layout::sha256;
use crate::rig::ours::publisher_command;
use crate::rig::process::{Component, Run, free_port, program, run};
use crate::rig::store::Store;
use crate::rig::yaml::documents;

/// What the job builds, which no other test has.
const DOCKERFILE: &str = "FROM scratch\nCOPY busybox said /\nCMD [\"/busybox\", \"cat\", \"/said\"]\n";
/// GitHub's runner for `shell: bash`.
const BASH: [&str; 5] = ["bash", "--noprofile", "--norc", "-eo", "pipefail"];

/// A runner's machine, with the repository checked out.
struct Machine {
    place: TempDir,
    /// Where the program is fetched from.
    _files: Component,
    url: String,
    variables: BTreeMap<String, String>,
    /// One for each job: they share an engine, and with it the names of images.
    version: String,
    said: String,
}

impl Machine {
    fn new(name: &str, store: &Store) -> Self {
        let (place, ours) = (tempfile::tempdir().unwrap(), publisher_command());
        let checkout = place.path().join("checkout");
        fs::create_dir(&checkout).unwrap();
        fs::copy(program("busybox", "busybox-static"), checkout.join("busybox")).unwrap();
        fs::write(checkout.join("Dockerfile"), DOCKERFILE).unwrap();
        let said = format!("built by {name}\n");
        fs::write(checkout.join("said"), &said).unwrap();

        let port = free_port();
        let (url, folder) =
            (format!("http://127.0.0.1:{port}"), Path::new(ours.get_program()).parent().unwrap());
        let files = Component::start("files", |_| {
            let mut server = Command::new("/usr/bin/python3");
            server.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]);
            server.arg(folder).arg(port.to_string());
            server
        });
        files.wait(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        let mut variables = BTreeMap::new();
        let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
        set("STORE", &store.argument());
        set("PUBLISHER_URL", &format!("{url}/registry-publisher"));
        set("PUBLISHER_SHA256", &sha256(&fs::read(ours.get_program()).unwrap())["sha256:".len()..]);
        let version = format!("v1.2-{name}");
        Self { place, _files: files, url, variables, version, said }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Where the job begins: credentials, Docker, a shell.
    fn shell(&self, words: &[&str]) -> Command {
        let ours = publisher_command();
        let mut shell = crate::rig::process::limited(words[0]);
        shell.args(&words[1..]).current_dir(self.path("checkout"));
        shell.envs(ours.get_envs().filter_map(|(key, value)| Some((key, value?))));
        dockerd().tell(&mut shell);
        // BuildKit is a package of its own in Debian.
        shell.env("DOCKER_BUILDKIT", "0");
        shell
    }

    /// What was published runs, as the version and as the latest.
    fn assert_pullable(&self, store: &Store) {
        let endpoint = store.endpoint();
        dockerd().docker(&["image", "rm", "--force", &format!("acme/app:{}", self.version)]);
        for tag in [&*self.version, "latest"] {
            let image = format!("{}/acme/app:{tag}", endpoint.host);
            let printed = dockerd().docker(&["run", "--rm", "--network", "none", "--pull", "always", &image]);
            assert!(printed.ends_with(&self.said), "{printed}");
            dockerd().docker(&["image", "rm", "--force", &image]);
        }
    }
}

fn example(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ci").join(name);
    let [document] = documents(&path).try_into().unwrap();
    document
}

#[track_caller]
fn must_pass(what: &Value, run: &Run) {
    assert_eq!(run.code, Some(0), "{what}\n{}{}", run.stdout, run.stderr);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// GitHub's expressions, of which the example has variables alone.
fn expanded(text: &str, variables: &BTreeMap<String, String>) -> String {
    let Some((before, rest)) = text.split_once("${{ vars.") else { return text.to_owned() };
    let (name, rest) = rest.split_once(" }}").unwrap();
    format!("{before}{}{}", variables[name], expanded(rest, variables))
}

#[test]
fn github_builds_and_publishes() {
    let store = Store::bucket();
    let (machine, workflow) = (Machine::new("github", &store), example("github.yml"));
    let (path, summary) = (machine.path("path"), machine.path("summary"));
    fs::write(&path, "").unwrap();
    assert_eq!(workflow["defaults"]["run"]["shell"], "bash");
    let mut actions = Vec::new();
    for step in workflow["jobs"]["publish"]["steps"].as_array().unwrap() {
        if let Some(action) = step["uses"].as_str() {
            actions.push(action);
            continue;
        }
        let script = machine.path("step.sh");
        fs::write(&script, expanded(text(&step["run"]), &machine.variables)).unwrap();
        let mut shell = machine.shell(&[&BASH[..], &[script.to_str().unwrap()]].concat());
        for (name, value) in workflow["env"].as_object().unwrap() {
            shell.env(name, expanded(text(value), &machine.variables));
        }
        let added = fs::read_to_string(&path).unwrap();
        let added: Vec<&str> = added.lines().rev().chain(["/usr/sbin:/usr/bin:/sbin:/bin"]).collect();
        shell.env("PATH", added.join(":")).env("GITHUB_PATH", &path).env("GITHUB_REF_NAME", &machine.version);
        shell.env("RUNNER_TEMP", machine.path("temp")).env("GITHUB_STEP_SUMMARY", &summary);
        must_pass(step, &run(&mut shell));
    }
    assert_eq!(actions, ["actions/checkout@v4", "aws-actions/configure-aws-credentials@v4"]);
    let said = fs::read_to_string(&summary).unwrap();
    let named: Vec<_> = said.lines().map(|line| line.split_once("@sha256:").unwrap().0).collect();
    assert_eq!(named, ["acme/app:latest", &format!("acme/app:{}", machine.version)]);
    machine.assert_pullable(&store);
}

#[test]
fn gitlab_builds_and_publishes() {
    let store = Store::bucket();
    let (machine, pipeline) = (Machine::new("gitlab", &store), example("gitlab.yml"));
    let job = &pipeline["publish"];
    // Both scripts are one for the shell, as the runner has it, and variables may name others.
    let mut script = String::from("set -e\n");
    for (name, value) in job["variables"].as_object().unwrap() {
        script += &format!("export {name}=\"{}\"\n", text(value));
    }
    for line in ["before_script", "script"].iter().flat_map(|part| job[part].as_array().unwrap()) {
        script += &format!("{}\n", text(line));
    }
    let mut shell = machine.shell(&["sh", "-c", &script]);
    shell.envs(&machine.variables).env("CI_COMMIT_TAG", &machine.version).env("AWS_TOKEN", "a token");
    fs::create_dir(machine.path("builds")).unwrap();
    shell.env("CI_BUILDS_DIR", machine.path("builds"));
    must_pass(job, &run(&mut shell));
    assert_eq!(fs::read_to_string(machine.path("builds/aws-token")).unwrap(), "a token");
    machine.assert_pullable(&store);
}

#[test]
fn another_program_than_the_one_that_was_meant_is_not_run() {
    let store = Store::bucket();
    let machine = Machine::new("nobody", &store);
    for (file, steps) in
        [("github.yml", "/jobs/publish/steps/2/run"), ("gitlab.yml", "/publish/before_script")]
    {
        let found = example(file);
        let script = match found.pointer(steps).unwrap() {
            Value::Array(lines) => lines.iter().map(text).collect::<Vec<_>>().join("\n"),
            script => text(script).to_owned(),
        };
        let mut shell = machine.shell(&["sh", "-e", "-c", &script]);
        shell.envs(&machine.variables).env("PUBLISHER_URL", format!("{}/registry-endpoint", machine.url));
        shell.env("RUNNER_TEMP", machine.path(file)).env("CI_BUILDS_DIR", machine.path(file));
        shell.env("GITHUB_PATH", machine.path("path")).env("AWS_TOKEN", "a token");
        shell.env("AWS_WEB_IDENTITY_TOKEN_FILE", machine.path("token"));
        let run = run(&mut shell);
        assert_eq!(run.code, Some(1), "{file}: {}{}", run.stdout, run.stderr);
        assert!(format!("{}{}", run.stdout, run.stderr).contains("FAILED"), "{file}: {}", run.stderr);
    }
}
