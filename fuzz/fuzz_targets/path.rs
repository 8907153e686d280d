//! Every path is answered; nobody is sent anywhere but to an object that clients may read.
//!
//! The input is the request target: a path, perhaps with a query.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use contract::api::{self, Request};
use contract::key::Key;
use contract::name::Repository;
use endpoint::health::Health;
use endpoint::respond::respond;
use endpoint::route::{Answer, Asked, PATH_LIMIT, Reply, decide, route, why};
use endpoint::settings::{Given, Settings, resolve};
use http::header::LOCATION;
use http::{Method, StatusCode, Uri};
use libfuzzer_sys::{Corpus, fuzz_target};

const FEDERATION: &str = r#"
[default]
cdn = ["https://one.test/a%20b", "https://two.test"]
[[default.from]]
networks = ["10.0.0.0/8"]
cdn = "http://office.test/p"
[[route]]
prefix = "acme"
rewrite = "other/name"
cdn = "https://acme.test"
[[route]]
prefix = "a/b"
rewrite = ""
cdn = "https://ab.test"
[[route]]
prefix = "library"
registry = "https://registry.test"
rewrite = "mirror"
[[route]]
prefix = "moved"
registry = "https://registry.test:444"
"#;

static SETTINGS: LazyLock<[Settings; 4]> = LazyLock::new(|| {
    let served = format!("documents = 'serve'\norigin = 'https://origin.test'\n{FEDERATION}");
    ["cdn = 'https://cdn.test/prefix'", "directory = '/bucket'", FEDERATION, &served].map(|text| {
        let given: Given = toml::from_str(text).expect("it is TOML");
        resolve(given, None, Given::default()).expect("it can be served with")
    })
});

/// Where content is asked for: it is the same in every repository.
static ANY: LazyLock<Repository> = LazyLock::new(|| "a".parse().expect("it is a name"));

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(target) = str::from_utf8(input) else { return Corpus::Reject };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    spelling(path);
    for settings in &*SETTINGS {
        for client in [None, Some(IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)))] {
            answer(&Asked { method: &Method::GET, path, query, client }, settings);
        }
        let refused = respond_to(&Method::DELETE, path, settings);
        assert_eq!(refused, StatusCode::METHOD_NOT_ALLOWED);
    }
    Corpus::Keep
});

/// A path has one meaning, and a meaning one path: but for `%3A`, and the namespace of v1 that may be left out.
fn spelling(path: &str) {
    let Request::Object(key) = Request::parse(path) else { return };
    assert_eq!(Key::parse(&key.path()).as_ref(), Some(&key), "{path}");
    assert!(key.is_public(), "{key} is the publisher's own");
    let canonical = api::path(&ANY, &key).unwrap_or_else(|| panic!("nobody asks for {key}"));
    assert_eq!(Request::parse(&canonical), Request::Object(key.clone()), "{canonical}");
    for (at, byte) in path.bytes().enumerate() {
        let escaped = format!("{}%{byte:02X}{}", &path[..at], &path[at + 1..]);
        match Request::parse(&escaped) {
            Request::Object(other) => {
                assert!(byte == b':' && other == key, "{escaped} is another name of {path}");
            }
            Request::Unknown(_) => assert_ne!(byte, b':', "{escaped} is not read"),
            other => panic!("{escaped} is {other:?}"),
        }
    }
}

fn answer(asked: &Asked<'_>, settings: &Settings) {
    let health = Health::default();
    let answer = decide(asked, settings, &health);
    let head = Asked { method: &Method::HEAD, ..*asked };
    assert_eq!(decide(&head, settings, &health), answer, "HEAD is GET without its body");
    assert!(!why(asked, settings, &health).is_empty());
    match answer {
        Answer::Reply(reply) => {
            let location = match &reply {
                Reply::Redirect(location) | Reply::RedirectOfClient(location) => Some(location.clone()),
                _ => None,
            };
            let response = respond(reply.clone(), asked.method, settings);
            let without = respond(reply.clone(), &Method::HEAD, settings);
            assert_eq!(response.headers(), without.headers());
            assert!(!response.status().is_server_error(), "{reply:?}");
            let sent = response.headers().get(LOCATION).map(|value| value.to_str().expect("it is ASCII"));
            assert_eq!(sent, location.as_deref());
            assert_eq!(response.status() == StatusCode::FOUND, location.is_some());
            assert_eq!(response.status() == StatusCode::URI_TOO_LONG, asked.path.len() > PATH_LIMIT);
            if let Some(location) = location {
                leads_to_an_object(&location, settings);
            }
        }
        Answer::Object(_, key) => {
            assert!(key.is_public());
            assert_eq!(asked.path, format!("/objects/{key}"));
        }
        Answer::Document(wanted) => {
            assert!(settings.documents.is_some());
            assert!(wanted.key.is_public() && wanted.there.is_public());
            assert_eq!(Key::parse(&wanted.there.path()), Some(wanted.there));
        }
    }
}

fn leads_to_an_object(location: &str, settings: &Settings) {
    let uri: Uri = location.parse().expect("a Location is a URL");
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
    let bases = settings.routes.bases().iter().map(|base| base.as_str()).chain(["/objects/"]);
    match bases.filter_map(|base| location.strip_prefix(base)).next() {
        Some(path) => {
            let key = Key::parse(path).unwrap_or_else(|| panic!("{path} is no key"));
            assert!(key.is_public() && key.path() == path, "{path}");
        }
        None => {
            assert!(location.starts_with("https://registry.test"), "{location} is nowhere");
            assert!(matches!(Request::parse(uri.path()), Request::Object(_)), "{location}");
            let mut pairs = uri.query().into_iter().flat_map(|query| query.split('&'));
            let known = ["n=", "last=", "artifactType="];
            assert!(pairs.all(|pair| known.iter().any(|name| pair.starts_with(name))), "{location}");
        }
    }
}

fn respond_to(method: &Method, path: &str, settings: &Settings) -> StatusCode {
    match route(method, path, settings) {
        Answer::Reply(reply) => respond(reply, method, settings).status(),
        other => panic!("{other:?}"),
    }
}
