//! 2,000 connections pull at once, while settings are loaded anew every second and one of two bases goes down and comes
//! up again: no wrong answer, no connection lost, no growth.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::sleep;
use ureq::http::Method;

use crate::rig::ours::Endpoint;

mod asks;
mod clients;
mod known;
mod place;

use asks::{BLOB, asks};
use clients::{Crowd, connect};
use known::Turn;
use place::{Place, until};

const CONNECTIONS: u64 = 2000;

/// What the repositories are called where they are, by settings.
const COLOURS: [&str; 2] = ["red", "blue"];

/// For how many seconds a redirect may be kept, by settings.
const TTLS: [u32; 2] = [61, 62];

/// How long it goes on: a few seconds in every run, minutes with `tests/run --long`.
fn duration() -> Duration {
    Duration::from_secs(if env::var_os("TESTS_LONG").is_some() { 300 } else { 20 })
}

#[test]
fn two_thousand_connections_are_redirected() {
    println!("{}", under_load(false));
}

#[test]
fn two_thousand_connections_are_served_documents() {
    println!("{}", under_load(true));
}

/// Gives its figures, for whoever looks on.
fn under_load(serve: bool) -> String {
    allow_descriptors();
    let (place, first) = Place::new(serve);
    let crowd = Crowd {
        host: place.endpoint.host.clone(),
        asks: asks(&place.store, serve),
        bases: place.bases.clone().map(|base| format!("http://{base}/objects")),
        settings: Turn::default(),
        base: Turn::default(),
        over: AtomicBool::new(false),
    };
    let (place, crowd) = (Arc::new(place), Arc::new(crowd));
    // By both settings: with what is kept from here on, no document waits for a base that is gone.
    for _ in COLOURS {
        for ask in crowd.asks.iter().filter(|ask| ask.method == Method::GET) {
            place.ask(&ask.path);
        }
        change_settings(&place, &crowd);
    }
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let clients = runtime.block_on(connect(&crowd, CONNECTIONS));
    let with = || (Arc::clone(&place), Arc::clone(&crowd));
    let ((place_of_settings, crowd_of_settings), (place_of_base, crowd_of_base)) = (with(), with());
    let settings = thread::spawn(move || keep_changing_settings(&place_of_settings, &crowd_of_settings));
    let bases = thread::spawn(move || go_down_and_up(first, &place_of_base, &crowd_of_base));
    let (resident, answers) = runtime.block_on(pull(clients, &place, &crowd));
    let (loads, downs) = (settings.join().unwrap(), bases.join().unwrap());
    assert!(answers > CONNECTIONS && loads > 3 && downs > 0, "{answers} {loads} {downs}");
    // What nobody was sent has not been counted either.
    let metrics = place.metrics();
    assert!(!metrics.contains("status=\"5"), "{metrics}");
    assert!(resident[1] <= resident[0] + resident[0] / 10 + 2048, "it grows: {resident:?} KiB");
    format!("{answers} answers, {loads} times settings, {downs} times down, {resident:?} KiB")
}

/// One end of each connection is ours, the other one that of a program that takes this limit from us.
fn allow_descriptors() {
    const WANTED: u64 = 4096;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < WANTED) {
        limit.current = Some(WANTED);
        let set = setrlimit(Resource::Nofile, limit);
        set.unwrap_or_else(|error| panic!("{WANTED} open files are needed, see ulimit -Hn: {error}"));
    }
}

/// Lets them pull; gives how much memory the endpoint took after half of the time and at the end, and how often it has
/// answered.
async fn pull(mut clients: JoinSet<Result<u64, String>>, place: &Place, crowd: &Crowd) -> ([u64; 2], u64) {
    let mut resident = [0; 2];
    let (mut answers, mut wrong) = (0, Vec::new());
    for look in &mut resident {
        tokio::select! {
            () = sleep(duration() / 2) => {}
            Some(early) = clients.join_next() => wrong.extend(early.unwrap().err()),
        }
        *look = place.resident_kib();
    }
    let open = place.metric("connections_open");
    crowd.over.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        match ended.unwrap() {
            Ok(count) => answers += count,
            Err(one) => wrong.push(one),
        }
    }
    assert!(wrong.is_empty(), "{} connections, the first: {}", wrong.len(), wrong[0]);
    assert!(open >= CONNECTIONS, "{open} connections are open");
    (resident, answers)
}

/// Loads other settings every second, and now and then a file that is refused, which changes nothing; gives how often.
fn keep_changing_settings(place: &Place, crowd: &Crowd) -> u32 {
    let mut count = 0;
    while !crowd.over.load(Ordering::Relaxed) {
        if count % 4 == 3 {
            place.load_bad_settings(count / 4);
        } else {
            change_settings(place, crowd);
        }
        count += 1;
        thread::sleep(Duration::from_secs(1));
    }
    count
}

fn change_settings(place: &Place, crowd: &Crowd) {
    crowd.settings.begin();
    let nth = crowd.settings.now().next();
    place.load_settings(nth);
    let caching = format!("public, max-age={}", TTLS[nth]);
    let blob = &crowd.asks[BLOB].path;
    until("settings are in force", || place.ask(blob).header("cache-control") == caching);
    crowd.settings.settle();
}

/// Takes the first base down and brings it up again, until all is over; gives how often.
fn go_down_and_up(first: Endpoint, place: &Place, crowd: &Crowd) -> u32 {
    let (mut count, mut first) = (0, Some(first));
    while !crowd.over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_secs(2));
        crowd.base.begin();
        first = match first.take() {
            Some(base) => {
                // It ends when its answers under way do.
                drop(base);
                count += 1;
                None
            }
            None => Some(place.first_base()),
        };
        let (blob, base) = (&crowd.asks[BLOB].path, &crowd.bases[crowd.base.now().next()]);
        until("the other base is chosen", || place.ask(blob).header("location").starts_with(base));
        crowd.base.settle();
    }
    count
}
