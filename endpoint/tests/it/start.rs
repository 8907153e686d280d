//! Starting: which flags, variables and files are taken, and how a wrong one is told, with which exit code.

use std::fs;
use std::net::TcpListener;

use crate::rig::client::ask;
use crate::rig::program::{Program, run};

/// What is printed when it does not start, and the exit code.
fn refused(environment: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let (code, out, err) = run(environment, arguments);
    assert_eq!(out, "", "standard output is for data");
    (code, err)
}

#[test]
fn without_anything_to_serve_it_says_what_to_give() {
    assert_eq!(
        refused(&[], &[]),
        (
            Some(2),
            "error: neither a CDN nor a directory is given\n\
             hint: give --cdn https://cdn.example.com (or CDN_URL), or --directory ./bucket to serve a bucket from disk\n"
                .to_owned()
        )
    );
}

#[test]
fn wrong_settings_are_told_before_anything_is_bound() {
    // Taken, so that an attempt to bind it would be what fails.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    for (environment, arguments, message) in [
        (
            &[][..],
            &["--cdn", "cdn.test"][..],
            "error: the CDN base `cdn.test` cannot be used\ncaused by: it is not",
        ),
        (&[("CDN_URL", "https://cdn.test?a=b")], &[], "caused by: it has a query"),
        (
            &[],
            &["--directory", "/does/not/exist"],
            "error: the directory `/does/not/exist` cannot be opened\n",
        ),
        (&[], &["--directory", "/dev/null"], "caused by: Not a directory"),
        (
            &[],
            &["--directory", "/", "--cdn", "https://cdn.test"],
            "error: more than one of a CDN, a directory and a default route are given\n",
        ),
        (&[], &["--cdn", "https://cdn.test", "--idle-timeout", "0s"], "error: `idle-timeout` is zero"),
        (&[], &["--cdn", "https://cdn.test", "--drain", "5"], "time unit needed"),
        (&[("ENDPOINT_LOG", "xml")], &["--cdn", "https://cdn.test"], "[possible values: text, json]"),
        (
            &[],
            &["--settings", "/does/not/exist"],
            "error: the settings file `/does/not/exist` cannot be read\n",
        ),
        (&[], &["--cnd", "https://cdn.test"], "unexpected argument '--cnd'"),
    ] {
        let (code, err) = refused(environment, &[arguments, &["--listen", &listen]].concat());
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(message), "{err}");
    }
}

#[test]
fn an_unknown_key_of_the_file_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("endpoint.toml");
    fs::write(&file, "cdn = 'https://cdn.test'\nidle-timeuot = '5s'\n").unwrap();
    let (code, err) = refused(&[], &["--settings", file.to_str().unwrap()]);
    assert_eq!(code, Some(2));
    assert!(err.contains("caused by: TOML parse error at line 2"), "{err}");
    assert!(err.contains("unknown field `idle-timeuot`"), "{err}");
}

#[test]
fn a_port_that_is_taken_is_a_failure_and_not_a_wrong_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (code, err) = refused(&[], &["--cdn", "https://cdn.test", "--listen", &listen]);
    assert_eq!(code, Some(1));
    assert!(err.starts_with(&format!("error: cannot listen on {listen}\ncaused by: ")), "{err}");
    assert!(err.contains("\nhint: another program listens there"), "{err}");
}

#[test]
fn the_ancestors_variables_are_enough() {
    let program = Program::start(&[("CDN_URL", "https://cdn.test/x/"), ("PORT", "0")], &[]);
    assert!(program.began.contains("address=0.0.0.0:"), "{}", program.began);
    let address = format!("127.0.0.1:{}", program.address.port()).parse().unwrap();
    let redirect = ask(address, "GET /v2/_catalog", "");
    assert_eq!(redirect.header("location"), "https://cdn.test/x/docker/registry/v2/catalog.json");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("endpoint.toml");
    fs::write(&file, "cdn = 'https://file.test'\nlisten = '127.0.0.1:0'\n").unwrap();
    let file = ["--settings", file.to_str().unwrap()];
    let directory = ["--directory", folder.path().to_str().unwrap()];
    let environment = [("CDN_URL", "https://environment.test")];
    for (environment, flags, base) in [
        (&[][..], &[][..], "https://file.test/"),
        (&environment, &[], "https://environment.test/"),
        (&environment, &["--cdn", "https://flag.test"], "https://flag.test/"),
        (&environment, &directory, "/objects/"),
        (&[], &directory, "/objects/"),
    ] {
        let program = Program::start(environment, &[&file, flags].concat());
        assert_eq!(
            ask(program.address, "GET /v2/_catalog", "").header("location").split("docker/").next(),
            Some(base)
        );
    }
}

#[test]
fn help_and_version_are_answers() {
    let (code, out, err) = run(&[], &["--help"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for part in [
        "--cdn <URL>",
        "[env: CDN_URL=]",
        "Exit codes: 0 stopped as asked, 1 failed",
        "  check  ",
        "  route  ",
        "[[route.from]]",
        "--tls-cert <FILE>",
        "--trusted-proxies <NETWORK>",
    ] {
        assert!(out.contains(part), "{out}");
    }
    let (code, out, _) = run(&[], &["--version"]);
    assert_eq!((code, out), (Some(0), format!("registry-endpoint {}\n", env!("CARGO_PKG_VERSION"))));
}
