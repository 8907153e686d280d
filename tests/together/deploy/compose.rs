//! The Compose file: both services started by the real tool, an image published to the one and pulled by the other.

use std::env;
use std::fs;
use std::process::Command;

use super::deploy;
use super::running::{CONFINED, Container};
use crate::rig::built::Built;
use crate::rig::dist::image;
use crate::rig::dockerd::networked;
use crate::rig::ours::publisher_command;
use crate::rig::process::{limited, must, program, run};
use crate::rig::seaweed::OWNER;
use crate::rig::yaml::documents;

const FILE: &str = "compose.yaml";

/// As README says it.
const STORE: &str = "s3://registry?endpoint=http://127.0.0.1:8333";

fn compose(arguments: &[&str]) -> Command {
    let mut command = limited(program("docker-compose", "docker-compose"));
    networked().tell(&mut command);
    command.env("AWS_ACCESS_KEY_ID", OWNER.0).env("AWS_SECRET_ACCESS_KEY", OWNER.1);
    command.arg("--file").arg(deploy(FILE)).args(["--project-name", "deployed"]).args(arguments);
    command
}

/// SeaweedFS in an image of the name that the file says: the real one is only to be had from Docker Hub. That one, too,
/// runs `weed` with the words that it is given.
fn seaweed_image() {
    let context = tempfile::tempdir().unwrap();
    let weed =
        env::var_os("WEED").expect("WEED names no SeaweedFS binary: run tests/run, which installs one");
    fs::copy(weed, context.path().join("weed")).unwrap();
    fs::create_dir(context.path().join("tmp")).unwrap();
    let dockerfile = "FROM scratch\nCOPY weed /usr/bin/weed\nCOPY tmp /tmp\nENTRYPOINT [\"/usr/bin/weed\"]\n";
    fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    let named = &documents(&deploy(FILE))[0]["services"]["s3"]["image"];
    networked().build(context.path(), &["--tag", named.as_str().unwrap()]);
}

#[test]
fn a_registry_on_one_machine() {
    let engine = networked();
    image(engine, "registry-endpoint");
    seaweed_image();
    let nobody = run(compose(&["config"]).env_remove("AWS_SECRET_ACCESS_KEY"));
    assert!(nobody.code != Some(0) && nobody.stderr.contains("its secret"), "{nobody:?}");
    must(&mut compose(&["up", "--detach", "--no-build"]));

    let publisher = |arguments: &[&str]| {
        let mut ours = publisher_command();
        run(&mut engine.inside(ours.args(arguments)))
    };
    let mut said = String::new();
    // It takes a moment until the store answers, and another until it takes a write.
    engine.wait(|| {
        let run = publisher(&["init", STORE]);
        said = run.stdout;
        run.code == Some(0)
    });
    let endpoint = &documents(&deploy(FILE))[0]["services"]["endpoint"];
    assert_eq!(said.trim_end(), endpoint["command"][1].as_str().unwrap(), "the base that init prints");

    let built = Built::new("composed");
    let archive = built.archive();
    let published = publisher(&["publish", archive.to_str().unwrap(), "acme/app:1.2", "--to", STORE]);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    engine.docker(&["pull", "127.0.0.1:5000/acme/app:1.2"]);
    let ran = engine.docker(&["run", "--rm", "--network", "none", "127.0.0.1:5000/acme/app:1.2"]);
    assert_eq!(ran, built.prints);
    finds_the_store_by_name(&said);
    must(&mut compose(&["down", "--volumes"]));
}

/// The image holds no part of a C library that would look names up: the one file does.
fn finds_the_store_by_name(base: &str) {
    let network = ["--network", "deployed_default", "registry-endpoint", "--cdn", base.trim_end()];
    let served = ["--documents", "serve", "--origin", "http://s3:8333/registry"];
    let container = Container::run(networked(), &[&CONFINED[..], &network, &served].concat());
    let address = container.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let tags = format!("http://{address}:5000/v2/acme/app/tags/list");
    networked().wait(|| networked().get(&tags).is_some_and(|list| list.contains("\"1.2\"")));
}
