//! What a request costs before and behind the socket: `route` and `respond`. `cargo bench -p registry-endpoint`
#![allow(
    clippy::panic,
    missing_docs,
    reason = "a measurement that cannot go on fails; the macro documents nothing"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use endpoint::respond::respond;
use endpoint::route::{Answer, Reply, route};
use endpoint::settings::{Given, RouteGiven, Settings, resolve};
use http::Method;

const BLOB: &str =
    "/v2/acme/app/blobs/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// With this many routes beside the default.
fn settings(routes: usize) -> Settings {
    let route = (0..routes).map(|nth| RouteGiven {
        prefix: format!("acme/team{nth}"),
        registry: Some("https://other.example.com".to_owned()),
        ..RouteGiven::default()
    });
    let given =
        Given { cdn: Some("https://cdn.example.com".to_owned()), route: route.collect(), ..Given::default() };
    resolve(given, None, Given::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn reply(path: &str, settings: &Settings) -> Reply {
    match route(&Method::GET, path, settings) {
        Answer::Reply(reply) => reply,
        Answer::Object(..) | Answer::Document(_) => panic!("{path} is no object of ours"),
    }
}

fn bench(criterion: &mut Criterion) {
    for (name, path, routes) in [
        ("blob", BLOB, 0),
        ("blob with 100 routes", BLOB, 100),
        ("manifest by tag", "/v2/acme/app/manifests/1.2", 0),
        ("no name", "/v2/Acme/app/manifests/1.2", 0),
    ] {
        let settings = settings(routes);
        criterion.bench_function(&format!("route: {name}"), |bench| {
            bench.iter(|| reply(black_box(path), &settings));
        });
    }
    let settings = settings(0);
    for (name, path) in [("redirect", BLOB), ("version", "/v2/"), ("refusal", "/v2/nothing")] {
        let reply = reply(path, &settings);
        criterion.bench_function(&format!("respond: {name}"), |bench| {
            bench.iter(|| respond(black_box(reply.clone()), &Method::GET, &settings));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
