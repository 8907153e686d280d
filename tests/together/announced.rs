//! Webhooks and purges of the real publisher, at a recorder: a small server of the tests' own that notes what comes, and
//! answers as it is told.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::immutable::source;
use crate::rig::ours::publisher_command;
use crate::rig::process::{Run, run};
use crate::rig::store::Store;

/// A request that came.
#[derive(Clone, Debug)]
struct Noted {
    /// `POST /path`.
    line: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Noted {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A recorder. `/refused…` is 403; the first request to `/busy…` is 503.
struct Recorder {
    port: u16,
    noted: Arc<Mutex<Vec<Noted>>>,
}

impl Recorder {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, noted) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<Noted>>>::default());
        let notes = Arc::clone(&noted);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut next = || {
                    let mut line = String::new();
                    lines.read_line(&mut line).unwrap();
                    line.trim_end().to_owned()
                };
                let line = next().trim_end_matches(" HTTP/1.1").to_owned();
                let field = |line: String| {
                    let (name, value) = line.split_once(": ")?;
                    Some((name.to_ascii_lowercase(), value.to_owned()))
                };
                let headers: BTreeMap<_, _> = std::iter::from_fn(|| field(next())).collect();
                let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
                let mut body = vec![0; length];
                lines.read_exact(&mut body).unwrap();
                let mut notes = notes.lock().unwrap();
                let status = match &line {
                    line if line.contains("/refused") => "403 Forbidden",
                    line if line.contains("/busy") && !notes.iter().any(|it| it.line == *line) => {
                        "503 Service Unavailable\r\nRetry-After: 0"
                    }
                    _ => "200 OK",
                };
                notes.push(Noted { line, headers, body: String::from_utf8(body).unwrap() });
                let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { port, noted }
    }

    /// What came since it was asked last.
    fn noted(&self) -> Vec<Noted> {
        std::mem::take(&mut self.noted.lock().unwrap())
    }
}

/// The publisher with these settings, in which PORT is the recorder's.
fn publisher(recorder: &Recorder, settings: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    fs::write(&file, settings.replace("PORT", &recorder.port.to_string())).unwrap();
    let mut command = publisher_command();
    command.env("HOOK_SECRET", "the secret").env("CDN_TOKEN", "the token").args(arguments);
    run(command.arg("--settings").arg(&file))
}

const HOOKS: &str = r#"
[[webhooks]]
url = "http://127.0.0.1:PORT/busy"
secret-env = "HOOK_SECRET"
registry = "https://registry.example.com"

[[webhooks]]
url = "http://127.0.0.1:PORT/envelope"
format = "distribution"

[[purges]]
kind = "purge"
base = "http://127.0.0.1:PORT/cdn"

[[purges]]
kind = "cloudfront"
base = "https://cdn.example.com/prefix"
distribution = "E2X"
api = "http://127.0.0.1:PORT/aws"

[[purges]]
kind = "cloudflare"
base = "https://cdn.example.com"
zone = "023e"
token-env = "CDN_TOKEN"
api = "http://127.0.0.1:PORT"
"#;

const VIEW: &str = "docker/registry/v2/repositories/acme/app/_manifests/tags/1.0/current/manifest";

#[test]
fn caches_forget_before_webhooks_are_told() {
    let (recorder, store, image) = (Recorder::start(), Store::directory(), source("announced"));
    let place = store.argument();
    let path = image.path().to_str().unwrap();
    let publish = ["publish", path, "acme/app:1.0", "--to", &place];
    let first = publisher(&recorder, HOOKS, &publish);
    assert_eq!((first.code, first.stderr.contains("warning")), (Some(0), false), "{}", first.stderr);
    let noted = recorder.noted();
    let lines: Vec<&str> = noted.iter().map(|noted| noted.line.as_str()).collect();
    let purged = lines.iter().filter(|line| line.starts_with("PURGE /cdn/")).count();
    assert!(purged >= 4 && lines[..purged].contains(&&*format!("PURGE /cdn/{VIEW}")), "{lines:#?}");
    assert_eq!(
        lines[purged..],
        [
            "POST /aws/2020-05-31/distribution/E2X/invalidation",
            "POST /client/v4/zones/023e/purge_cache",
            "POST /busy",
            "POST /busy",
            "POST /envelope"
        ]
    );
    let [aws, cloudflare, refused, event, envelope] = &noted[purged..] else { panic!("{lines:#?}") };
    assert!(aws.body.contains(&format!("<Path>/prefix/{VIEW}</Path>")), "{}", aws.body);
    assert!(aws.headers["authorization"].contains("/us-east-1/cloudfront/aws4_request"), "{aws:?}");
    assert_eq!(cloudflare.headers["authorization"], "Bearer the token");
    assert_eq!(cloudflare.json()["files"].as_array().unwrap().len(), purged);
    assert_eq!((&refused.body, &refused.headers), (&event.body, &event.headers));
    let data = &event.json()["data"];
    let digest = data["digest"].as_str().unwrap();
    assert!(first.stdout.contains(digest), "{}", first.stdout);
    assert_eq!(data["url"], format!("https://registry.example.com/v2/acme/app/manifests/{digest}"));
    assert!(event.headers["webhook-signature"].starts_with("v1,"));
    let told = &envelope.json()["events"][0];
    assert_eq!((told["action"].as_str(), told["target"]["tag"].as_str()), (Some("push"), Some("1.0")));
    assert!(!envelope.headers.contains_key("webhook-signature"));

    // Nothing changes, nobody is told.
    assert_eq!(publisher(&recorder, HOOKS, &publish).code, Some(0));
    assert!(recorder.noted().is_empty());

    let tag = ["tag", "acme/app:1.0", "acme/app:stable", "--in", &place];
    assert_eq!(publisher(&recorder, HOOKS, &tag).code, Some(0));
    let types = |noted: &[Noted]| -> Vec<String> {
        let events = noted.iter().filter(|it| it.line == "POST /busy").map(Noted::json);
        events.map(|event| format!("{} {}", event["type"], event["subject"])).collect()
    };
    assert_eq!(types(&recorder.noted())[1..], [r#""static-registry.tagged" "acme/app:stable""#]);
    let remove = ["remove", "acme/app:1.0", "--from", &place];
    assert_eq!(publisher(&recorder, HOOKS, &remove).stdout, "acme/app:1.0\n");
    let noted = recorder.noted();
    assert_eq!(types(&noted)[1..], [r#""static-registry.removed" "acme/app:1.0""#]);
    assert!(noted.iter().any(|noted| noted.line == format!("PURGE /cdn/{VIEW}")));
}

#[test]
fn who_cannot_be_told_hinders_nobody_unless_it_must_be() {
    let (recorder, store, image) = (Recorder::start(), Store::directory(), source("untold"));
    let place = store.argument();
    let path = image.path().to_str().unwrap();
    let publish = |name: &str, settings: &str| {
        publisher(&recorder, settings, &["publish", path, &format!("acme/{name}:1"), "--to", &place])
    };
    let refused = "[[webhooks]]\nurl = \"http://127.0.0.1:PORT/refused?s3cret\"\n";
    let run = publish("one", refused);
    assert!(run.code == Some(0) && run.stderr.contains("was not told: the answer is 403"), "{}", run.stderr);
    assert!(!run.stderr.contains("s3cret"), "{}", run.stderr);
    assert_eq!(recorder.noted().len(), 1);

    let run = publish("two", &format!("{refused}required = true"));
    assert!(run.code == Some(1) && run.stderr.contains("the store is changed, but 1 of"), "{}", run.stderr);
    assert!(run.stdout.starts_with("acme/two:1@sha256:"), "{}", run.stdout);

    let run = publish("three", "[[webhooks]]\nurl-env = \"NOT_SET\"\n");
    assert!(run.code == Some(2) && run.stderr.contains("NOT_SET, which is not set"), "{}", run.stderr);
    assert!(store.objects().keys().all(|key| !key.contains("acme/three")));
}

/// Of two repositories, one cannot be judged: its link is no document.
#[test]
fn what_was_done_before_the_end_is_told() {
    let (recorder, store, image) = (Recorder::start(), Store::directory(), source("partly"));
    let place = store.argument();
    for name in ["acme/one:1", "acme/two:1"] {
        store.publish(image.path(), &[name]);
    }
    let link =
        Path::new(&place).join("docker/registry/v2/repositories/acme/two/_manifests/tags/1/current/link");
    fs::File::options().write(true).open(link).unwrap().set_len(128 << 20).unwrap();
    let retain = ["retain", &place, "--keep-newest", "0", "--remove", "--jobs", "1"];
    let run = publisher(&recorder, HOOKS, &retain);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let lines: Vec<String> = recorder.noted().into_iter().map(|noted| noted.line).collect();
    let view = VIEW.replace("acme/app", "acme/one").replace("1.0", "1");
    assert!(lines.contains(&format!("PURGE /cdn/{view}")), "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| **line == "POST /envelope").count(), 1, "{lines:#?}");
}
