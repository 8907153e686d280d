//! A settings file means the same however it is laid out, or is refused with the place where it is wrong; and what is
//! taken can be served with.
//!
//! The input is the file.
#![no_main]

use std::error::Error;

use endpoint::explain::{notes, routes};
use endpoint::health::Health;
use endpoint::respond::respond;
use endpoint::route::{Answer, Asked, decide, why};
use endpoint::settings::{Base, Given, Settings, resolve};
use http::header::LOCATION;
use http::{Method, StatusCode};
use libfuzzer_sys::{Corpus, fuzz_target};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = str::from_utf8(input) else { return Corpus::Reject };
    let given: Given = match toml::from_str(text) {
        Ok(given) => given,
        Err(error) => {
            let place = error.span().unwrap_or_else(|| panic!("where is it? {error}"));
            assert!(place.start <= text.len() && !error.message().is_empty(), "{error}");
            return Corpus::Keep;
        }
    };
    let table: toml::Table = match toml::from_str(text) {
        Ok(table) => table,
        // Settings take larger numbers than a table does.
        Err(error) => {
            assert!(error.message().contains("too large"), "what is read as settings is TOML: {error}");
            return Corpus::Keep;
        }
    };
    let other: Given = toml::from_str(&table.to_string()).expect("it says the same");
    assert_eq!(format!("{given:?}"), format!("{other:?}"));
    match (resolve(Given::default(), None, given), resolve(other, None, Given::default())) {
        (Ok(settings), Ok(others)) => {
            assert_eq!(routes(&settings), routes(&others));
            assert_eq!(settings.listen, others.listen);
            served(&settings);
        }
        (Err(error), Err(other)) => {
            assert_eq!(error.to_string(), other.to_string());
            told_once(&error);
        }
        (one, other) => panic!("{:?}, but as flags {:?}", one.err(), other.err()),
    }
    Corpus::Keep
});

/// Each message of the chain says something, and none says again what the one below it says.
fn told_once(error: &dyn Error) {
    let (mut error, mut above) = (Some(error), None::<String>);
    while let Some(told) = error {
        let message = told.to_string();
        assert!(!message.is_empty());
        assert!(above.is_none_or(|above| above != message), "{message}");
        above = Some(message);
        error = told.source();
    }
}

fn served(settings: &Settings) {
    for base in settings.routes.bases() {
        let url = base.as_str();
        assert!(url.ends_with('/') && !url.contains(['?', '#']) && !base.authority().contains('@'), "{url}");
        assert_eq!(Base::parse(url).as_ref(), Ok(base));
    }
    // For people; that it can be told is all.
    drop(notes(settings));
    for name in ["app", "acme/app", "a/b", "library/app", "moved"] {
        for path in ["tags/list", "manifests/1.2", &format!("blobs/{DIGEST}"), &format!("referrers/{DIGEST}")]
        {
            asked(&format!("/v2/{name}/{path}"), settings);
        }
        asked(&format!("/v1/repositories/{name}/images"), settings);
    }
    for path in ["/v2/", "/v2/_catalog", "/v1/_ping", "/v1/search", "/healthz"] {
        asked(path, settings);
    }
}

fn asked(path: &str, settings: &Settings) {
    let health = Health::default();
    for client in [None, Some("10.1.2.3"), Some("2001:db8::1")] {
        let client = client.map(|client| client.parse().expect("it is an address"));
        let asked = Asked { method: &Method::GET, path, query: None, client };
        assert!(!why(&asked, settings, &health).is_empty());
        let Answer::Reply(reply) = decide(&asked, settings, &health) else { continue };
        let response = respond(reply, &Method::GET, settings);
        assert!(!response.status().is_server_error(), "{path}: {}", response.status());
        assert_eq!(response.status() == StatusCode::FOUND, response.headers().contains_key(LOCATION));
    }
}
