//! Each request byte for byte, and when it is sent again.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use contract::digest::{Algorithm, Digest};
use contract::key::Key;
use contract::media::MediaType;
use contract::v1;

use super::changes::Told;
use super::purge::signed;
use super::send::pause;
use super::*;

fn stamp() -> Stamp {
    Stamp { time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000), id: "id".to_owned() }
}

/// As it goes over the wire, but for the host.
fn text(request: &Request) -> String {
    let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let body = String::from_utf8(request.body.clone()).unwrap();
    format!("{} {}\n{headers}\n{body}", request.method, request.url)
}

fn texts(requests: &[Request]) -> String {
    requests.iter().map(text).collect::<Vec<_>>().join("\n\n")
}

fn changes() -> Changes {
    let name: contract::name::Repository = "acme/app".parse().unwrap();
    let digest = Digest::of(Algorithm::Sha256, b"");
    let media_type = Some(MediaType::from(MediaType::OCI_MANIFEST));
    let told = Told { digest, size: Some(7), media_type };
    let tag = "1.2".parse().unwrap();
    let removed = Changes::of_removal(&name, &BTreeSet::from([tag]), Some(&digest), None);
    let mut changes = removed;
    changes.events[0].manifest = Some(told);
    changes.events[0].action = Action::Published;
    changes
}

fn webhook(format: &str, more: &str) -> webhook::Webhook {
    let file: WebhookFile =
        toml::from_str(&format!("url = \"https://hooks.example.com/x\"\nformat = \"{format}\"\n{more}"))
            .unwrap();
    file.resolve(&|name| (name == "SECRET").then(|| "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()))
        .unwrap()
}

fn purge(text: &str) -> Result<purge::Purge, AnnounceError> {
    let file: PurgeFile = toml::from_str(text).unwrap();
    file.resolve(&|name| (name == "TOKEN").then(|| "the token".to_owned()))
}

#[test]
fn cloud_events_are_these() {
    let hook = webhook("cloudevents", "secret-env = \"SECRET\"\nregistry = \"https://registry.example.com\"");
    insta::assert_snapshot!("cloudevents", texts(&hook.requests(&changes(), "s3://bucket", &stamp())));
}

#[test]
fn notifications_are_these() {
    let hook = webhook("distribution", "registry = \"https://registry.example.com\"");
    insta::assert_snapshot!("distribution", texts(&hook.requests(&changes(), "s3://bucket", &stamp())));
    assert_eq!(hook.requests(&Changes::default(), "s3://bucket", &stamp()), []);
}

#[test]
fn signatures_are_those_of_standard_webhooks() {
    // With which the libraries of that specification test themselves.
    let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
    let signature = webhook::sign(&secret, id, 1_614_265_330, body);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_ne!(webhook::sign(&Secret("other".to_owned()), id, 1_614_265_330, body), signature);

    let hook = webhook("cloudevents", "secret-env = \"SECRET\"");
    let request = hook.requests(&changes(), "s3://bucket", &stamp()).remove(0);
    assert!(!format!("{request:?} {hook:?}").contains("MfKQ9"));
}

#[test]
fn purges_are_these() {
    let name: contract::name::Repository = "acme/app".parse().unwrap();
    let v1 = v1::Repository::of(&name).unwrap();
    let keys = BTreeSet::from([
        Key::TagView(name.clone(), "1.2".parse().unwrap()),
        Key::TagList(name),
        Key::V1Tags(v1),
    ]);
    let base = "base = \"https://cdn.example.com/some/prefix/\"";
    let each = [
        "kind = \"cloudfront\"\ndistribution = \"E2X\"",
        "kind = \"fastly\"\ntoken-env = \"TOKEN\"",
        "kind = \"cloudflare\"\nzone = \"023e\"\ntoken-env = \"TOKEN\"\napi = \"http://127.0.0.1:1/recorder\"",
        "kind = \"purge\"",
        "kind = \"ban\"\ntoken-env = \"TOKEN\"",
    ];
    let all = each.map(|it| texts(&purge(&format!("{base}\n{it}")).unwrap().requests(&keys, &stamp())));
    insta::assert_snapshot!("purges", all.join("\n\n"));

    let many: BTreeSet<Key> =
        (0..61).map(|nth| Key::TagList(format!("acme/app-{nth}").parse().unwrap())).collect();
    let cloudflare = purge(&format!("{base}\n{}", each[2])).unwrap();
    assert_eq!(cloudflare.requests(&many, &stamp()).len(), 3);
    assert_eq!(purge(&format!("{base}\n{}", each[0])).unwrap().requests(&many, &stamp()).len(), 1);
    assert_eq!(cloudflare.requests(&BTreeSet::new(), &stamp()), []);
}

#[test]
fn an_invalidation_is_signed() {
    let keys = BTreeSet::from([Key::Catalog]);
    let purge =
        purge("kind = \"cloudfront\"\nbase = \"https://cdn.example.com\"\ndistribution = \"E2X\"").unwrap();
    let who = Credentials::for_tests();
    let request = signed(purge.requests(&keys, &stamp()).remove(0), &who, stamp().time).unwrap();
    insta::assert_snapshot!("invalidation", text(&request));
}

#[test]
fn what_is_missing_in_settings_is_named() {
    let base = "base = \"https://cdn.example.com\"";
    for (text, expected) in [
        ("kind = \"cloudfront\"", "cloudfront has no `distribution`"),
        ("kind = \"fastly\"", "fastly has no `token-env`"),
        ("kind = \"fastly\"\ntoken-env = \"NONE\"", "NONE, which is not set"),
        ("kind = \"cloudflare\"\ntoken-env = \"TOKEN\"", "cloudflare has no `zone`"),
        ("kind = \"purge\"\napi = \"x\"", ""),
    ] {
        let said =
            purge(&format!("{base}\n{text}")).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{text}: {said}");
    }
    let none =
        purge("kind = \"purge\"\nbase = \"https://user:s3cret@cdn.example.com\"").unwrap_err().to_string();
    assert!(none.starts_with("`…@cdn.example.com` in the settings file is not"), "{none}");
    for (text, right) in [
        ("url = \"https://x.example.com/?a=b\"", true),
        ("url-env = \"HOOK\"", true),
        ("url-env = \"NONE\"", false),
        ("url-env = \"BAD\"", false),
        ("", false),
        ("url = \"https://x.example.com\"\nurl-env = \"HOOK\"", false),
    ] {
        let file: WebhookFile = toml::from_str(text).unwrap();
        let get = |name: &str| match name {
            "HOOK" => Some("https://hooks.example.com/s3cret".to_owned()),
            "BAD" => Some("s3cret".to_owned()),
            _ => None,
        };
        let resolved = file.resolve(&get);
        assert_eq!(resolved.is_ok(), right, "{text}");
        assert!(!resolved.err().is_some_and(|error| error.to_string().contains("s3cret")), "{text}");
    }
    assert!(toml::from_str::<WebhookFile>("url = \"x\"\nsecret = \"never\"").is_err());
}

#[test]
fn secrets_that_nobody_can_use_are_named() {
    let hook: WebhookFile =
        toml::from_str("url = \"https://x.example.com\"\nsecret-env = \"SECRET\"").unwrap();
    let token = "kind = \"purge\"\nbase = \"https://cdn.example.com\"\ntoken-env = \"SECRET\"";
    let token: PurgeFile = toml::from_str(token).unwrap();
    for (value, signs, is_sent) in [
        ("s3cret", true, true),
        ("whsec_s3cr", true, true),
        ("whsec_s3cret!", false, true),
        ("whsec_s3cr\n", false, false),
        ("s3cret\n", true, false),
    ] {
        let get = |_: &str| Some(value.to_owned());
        let (signed, sent) = (hook.resolve(&get), token.resolve(&get));
        assert_eq!((signed.is_ok(), sent.is_ok()), (signs, is_sent), "{value:?}");
        for error in signed.err().into_iter().chain(sent.err()) {
            let said = error.to_string();
            assert!(said.starts_with("the environment variable SECRET ") && !said.contains("s3cr"), "{said}");
        }
    }
}

/// Nobody listens at this CDN: each connection ends at once.
#[tokio::test]
async fn who_is_out_of_order_is_not_asked_for_all_keys() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("base = \"http://{}\"\nkind = \"purge\"", listener.local_addr().unwrap());
    let (count, counted) = std::sync::mpsc::channel();
    std::thread::spawn(move || listener.incoming().try_for_each(|_| count.send(())));
    let keys = (0..200).map(|nth| Key::TagList(format!("acme/app-{nth}").parse().unwrap())).collect();
    let changes = Changes { keys, ..Changes::default() };
    let announcing = Announcing { purges: vec![purge(&base).unwrap()], ..Announcing::default() };
    let failures = announcing.tell(&changes, "s3://bucket", &stamp()).await;
    assert_eq!(failures.len(), 1);
    // Eight at the same time, four times each; some more begin while the last of these fail.
    let asked = counted.try_iter().count();
    assert!((4..100).contains(&asked), "{asked}");
}

#[test]
fn a_request_is_sent_again_while_it_may_help() {
    let seconds = Duration::from_secs;
    for (nth, status, after, expected) in [
        (1, None, None, Some(Duration::from_millis(500))),
        (2, Some(503), None, Some(seconds(1))),
        (3, Some(429), None, Some(seconds(2))),
        (4, Some(503), None, None),
        (1, Some(429), Some(7), Some(seconds(7))),
        (1, Some(503), Some(3600), None),
        (1, Some(400), None, None),
        (1, Some(302), Some(1), None),
        (1, Some(404), None, None),
    ] {
        assert_eq!(pause(nth, status, after), expected, "{nth} {status:?} {after:?}");
    }
}
