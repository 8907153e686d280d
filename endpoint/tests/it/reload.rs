//! Settings that change while the endpoint serves: by SIGHUP or because the file is another one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::rig::DEADLINE;
use crate::rig::base::Base;
use crate::rig::client::{Client, ask};
use crate::rig::program::Program;
use crate::rig::settings::File;

fn location(program: &Program) -> String {
    ask(program.address, "GET /v2/_catalog", "").header("location").to_owned()
}

fn sent_to(program: &Program, base: &str) {
    let begin = Instant::now();
    while !location(program).starts_with(base) {
        assert!(begin.elapsed() < DEADLINE, "still sent to {}", location(program));
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_signal_loads_the_file_anew() {
    let file = File::new("cdn = 'https://a.test'");
    let program = file.serve();
    file.write("cdn = 'https://b.test'\nredirect-ttl = '5m'");
    program.signal("HUP");
    sent_to(&program, "https://b.test/");
    let answer = ask(program.address, "GET /v2/_catalog", "");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
}

#[test]
fn a_changed_file_is_loaded_without_being_told() {
    let file = File::new("cdn = 'https://a.test'");
    let program = file.serve();
    file.write("cdn = 'https://b.test'");
    sent_to(&program, "https://b.test/");
    // Back to the text of the start.
    file.write("cdn = 'https://a.test'");
    sent_to(&program, "https://a.test/");
}

#[test]
fn a_bad_file_is_an_error_in_the_log_and_nothing_else() {
    let file = File::new("cdn = 'https://a.test'\nredirect-ttl = '5m'");
    let program = file.serve();
    for (nth, bad) in [
        "cdn = 'https://b.test'\nunknown = 1",
        "cdn = 'b.test'",
        "cdn = 'https://b.test'\n[[route]]\nprefix = 'a'",
        "cdn = ",
        "directory = '/does/not/exist'",
        "cdn = 'https://b.test'\n[watch]\nca = '/does/not/exist'",
    ]
    .into_iter()
    .enumerate()
    {
        file.write(bad);
        program.signal("HUP");
        program.logged("settings not loaded, those before stay in force", nth + 1);
        let answer = ask(program.address, "GET /v2/_catalog", "");
        assert_eq!(answer.header("location"), "https://a.test/docker/registry/v2/catalog.json", "{bad}");
        assert_eq!(answer.header("cache-control"), "public, max-age=300", "{bad}");
    }
    let log = program.logged("ERROR", 6);
    for reason in
        ["unknown field `unknown`", "the CDN base `b.test` cannot be used", "the route `a` cannot be"]
    {
        assert!(log.contains(reason), "{log}");
    }
    // A file that is not there is no reason to stop either.
    std::fs::remove_file(file.path()).unwrap();
    program.logged("cannot be read", 1);
    assert!(location(&program).starts_with("https://a.test/"));
    file.write("cdn = 'https://c.test'");
    sent_to(&program, "https://c.test/");
}

#[test]
fn what_cannot_change_while_it_runs_is_named() {
    let file = File::new("cdn = 'https://a.test'\nlisten = '127.0.0.1:0'");
    let program = Program::start(&[], &["--settings", file.path().to_str().unwrap()]);
    file.write("cdn = 'https://b.test'\nlisten = '127.0.0.1:1'\nlog = 'json'");
    program.signal("HUP");
    sent_to(&program, "https://b.test/");
    let log = program.logged("settings loaded", 1);
    for setting in ["setting=\"listen\"", "setting=\"log\""] {
        assert!(log.contains(setting), "{log}");
    }
}

#[test]
fn a_signal_without_a_file_is_survived() {
    let program = Program::start(&[], &["--cdn", "https://a.test", "--listen", "127.0.0.1:0"]);
    program.signal("HUP");
    program.logged("settings loaded", 1);
    assert!(location(&program).starts_with("https://a.test/"));
}

#[test]
fn a_flag_still_wins_after_a_reload() {
    let file = File::new("cdn = 'https://a.test'\nredirect-ttl = '1m'");
    let program = Program::start(
        &[("CDN_URL", "https://environment.test")],
        &["--settings", file.path().to_str().unwrap(), "--listen", "127.0.0.1:0"],
    );
    file.write("cdn = 'https://b.test'\nredirect-ttl = '2m'");
    program.signal("HUP");
    program.logged("settings loaded", 1);
    let answer = ask(program.address, "GET /v2/_catalog", "");
    assert!(answer.header("location").starts_with("https://environment.test/"));
    assert_eq!(answer.header("cache-control"), "public, max-age=120");
}

#[test]
fn no_connection_is_dropped_while_settings_change_under_load() {
    let file = File::new("cdn = 'https://0.test'");
    let program = file.serve();
    let (done, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                // One connection from the first setting to the last.
                let mut client = Client::connect(program.address);
                while !done.load(Ordering::Relaxed) {
                    let answer = client.ask("GET /v2/_catalog", "");
                    let whole = answer.header("location").strip_prefix("https://");
                    let known =
                        whole.and_then(|rest| rest.split_once(".test/docker/registry/v2/catalog.json"));
                    assert!(answer.status == 302 && known.is_some(), "{answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for nth in 1..=20 {
            file.write(&format!("cdn = 'https://{nth}.test'"));
            program.signal("HUP");
            sent_to(&program, &format!("https://{nth}.test/"));
            // Every other one is refused.
            file.write("cdn = 'nowhere'");
            program.signal("HUP");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) > 100);
}

#[test]
fn a_base_that_is_down_stays_so_however_often_settings_are_loaded() {
    let (mut one, two) = (Base::start(), Base::start());
    one.leave();
    // So slow that no look but the first ends between two loads, were it begun anew by each.
    let settings = |ttl: usize| {
        format!(
            "redirect-ttl = '{ttl}s'\n[default]\ncdn = ['{}', '{}']\n[watch]\ninterval = '400ms'\nfailures = 3",
            one.url(),
            two.url()
        )
    };
    let file = File::new(&settings(1));
    let program = file.serve();
    let begin = Instant::now();
    let mut loads = 1;
    while !location(&program).starts_with(&two.url()) {
        assert!(begin.elapsed() < DEADLINE, "never found to be down");
        loads += 1;
        file.write(&settings(loads));
        program.signal("HUP");
        program.logged("settings loaded", loads - 1);
    }
    file.write(&settings(loads + 1));
    program.signal("HUP");
    program.logged("settings loaded", loads);
    assert!(location(&program).starts_with(&two.url()));
}
