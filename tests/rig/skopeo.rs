//! skopeo, with a policy of its own and plain HTTP allowed.

use std::process::Command;

use super::process::{Run, limited, must, program, run};

fn command(arguments: &[&str]) -> Command {
    let mut command = limited(program("skopeo", "skopeo"));
    command.arg("--insecure-policy").args(arguments);
    command
}

/// Runs `skopeo` and gives its standard output; a failing command fails the test.
#[track_caller]
pub(crate) fn skopeo(arguments: &[&str]) -> String {
    must(&mut command(arguments))
}

/// Copies an image, with what `options` ask for, between places that the arguments name as skopeo does.
#[track_caller]
pub(crate) fn copy(options: &[&str], from: &str, to: &str) {
    let plain = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(&[&plain, options, &[from, to]].concat());
}

/// The digest of what a registry serves for `image`, or how skopeo failed.
pub(crate) fn inspect(image: &str) -> Run {
    run(&mut command(&[
        "inspect",
        "--tls-verify=false",
        "--format",
        "{{.Digest}}",
        &format!("docker://{image}"),
    ]))
}
