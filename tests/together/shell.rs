//! What shells and `man` are given: bash completes with it, and groff sets it without a complaint.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::rig::ours::publisher_command;
use crate::rig::process::{bare, must, program, run, wait};

fn printed(arguments: &[&str]) -> String {
    must(publisher_command().args(arguments))
}

/// What bash offers for the last of these words.
fn completed(script: &str, words: &[&str]) -> Vec<String> {
    let (last, words_of_bash) = (words.len() - 1, words.join(" "));
    let asked = format!(
        "COMP_WORDS=({words_of_bash})
         COMP_CWORD={last}
         read -ra spec <<<\"$(complete -p registry-publisher)\"
         for at in \"${{!spec[@]}}\"; do [ \"${{spec[at]}}\" = -F ] && function=${{spec[at + 1]}}; done
         compopt() {{ :; }}
         $function registry-publisher '{}' '{}'
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words[last],
        words[last - 1]
    );
    let mut bash = bare(program("bash", "bash"));
    bash.args(["--norc", "-s"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = bash.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{script}\n{asked}\n").as_bytes()).unwrap();
    let run = wait(child);
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{asked}");
    run.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_flags_and_values() {
    let script = printed(&["completions", "bash"]);
    let offers = |words: &[&str]| completed(&script, words);
    assert_eq!(offers(&["registry-publisher", "publi"]), ["publish"]);
    assert!(offers(&["registry-publisher", "publish", "--limit"]).contains(&"--limit-rate".to_owned()));
    assert_eq!(offers(&["registry-publisher", "list", "--format", "j"]), ["json"]);
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("registry-publisher") && script.contains("limit-rate"), "{shell}");
    }
    let unknown = run(publisher_command().args(["completions", "csh"]));
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
}

#[test]
fn every_page_of_the_manual_is_set_without_a_complaint() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("man1");
    assert_eq!(printed(&["man", folder.to_str().unwrap()]), "");
    fs::write(folder.join("printed.1"), printed(&["man"])).unwrap();
    let mut pages: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    let names: Vec<_> = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap()).collect();
    for name in
        ["printed.1", "registry-publisher.1", "registry-publisher-publish.1", "registry-publisher-verify.1"]
    {
        assert!(names.contains(&name), "{names:?}");
    }
    for page in &pages {
        let mut groff = bare(program("groff", "groff-base"));
        // All warnings that groff has, but for lines that cannot be spread evenly, which long names cause.
        let set = run(groff.args(["-man", "-Kutf8", "-Tutf8", "-P-cbou", "-ww", "-Wbreak"]).arg(page));
        assert_eq!((set.code, &*set.stderr), (Some(0), ""), "{}", page.display());
        assert!(set.stdout.contains("SYNOPSIS"), "{}", page.display());
    }
    let publish = fs::read_to_string(folder.join("registry-publisher-publish.1")).unwrap();
    assert!(publish.contains("limit\\-rate") && publish.contains("docker\\-daemon:IMAGE"), "{publish}");

    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = run(publisher_command().arg("man").arg(&file));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("manual pages cannot be written to"), "{}", refused.stderr);
}

#[test]
fn results_that_nobody_can_keep_are_a_failure_and_names_do_nothing_to_a_terminal() {
    let full = publisher_command()
        .args(["completions", "bash"])
        .stdout(fs::File::create("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .spawn();
    let full = wait(full.unwrap());
    assert_eq!(full.code, Some(1), "{}", full.stderr);
    assert!(full.stderr.contains("standard output\ncaused by: "), "{}", full.stderr);

    let place = tempfile::tempdir().unwrap();
    let run = run(publisher_command()
        .args(["publish", "\u{1b}[31mno.tar", "acme/app:1", "--to"])
        .arg(place.path()));
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("\u{fffd}[31mno.tar") && !run.stderr.contains('\u{1b}'), "{:?}", run.stderr);
}

/// As a CI job sets what it has no value for.
#[test]
fn variables_of_nothing_say_nothing() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().to_str().unwrap();
    let empty = |command: &mut std::process::Command| {
        for name in ["TO", "FORMAT", "JOBS", "SETTINGS", "DEADLINE", "IMMUTABLE", "COMPRESSION", "S3_ACL"] {
            command.env(format!("REGISTRY_PUBLISHER_{name}"), "");
        }
        run(command)
    };
    assert_eq!(empty(publisher_command().args(["list", store])).code, Some(0));
    let publish = empty(publisher_command().args(["publish", "no.tar", "acme/app:1"]));
    assert!(publish.code == Some(2) && publish.stderr.contains("no store is named"), "{}", publish.stderr);
    let publish =
        empty(publisher_command().args(["publish", "ghcr.io/acme/app:1", "acme/app:1", "--to", store]));
    assert!(
        publish.code == Some(1) && publish.stderr.contains("docker://HOST/REPOSITORY"),
        "{}",
        publish.stderr
    );
}
