//! A misbehaving front of the tests' own: it stands before a real endpoint, and does one harm to what passes, as proxies
//! and CDNs do that are set up wrongly.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ureq::http::header::{
    AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION,
};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::rig::http::{self, Answer};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    NoRegistry,
    NoChallenge,
    NoPing,
    OctetStream,
    Charset,
    CharsetOfReferrers,
    WrongDigest,
    NoParts,
    OtherParts,
    NoHead,
    OtherHead,
    Forbidden,
    Fallback,
    OldVersion,
    TwoHops,
    Permanent,
    OtherHost,
    Nowhere,
    Endless,
    Compressed,
    Labelled,
    Minified,
    Garbled,
    Weak,
    OldTags,
    OldLists,
    Silence,
}

impl Harm {
    pub(super) const EACH: [Self; 27] = [
        Self::NoRegistry,
        Self::NoChallenge,
        Self::NoPing,
        Self::OctetStream,
        Self::Charset,
        Self::CharsetOfReferrers,
        Self::WrongDigest,
        Self::NoParts,
        Self::OtherParts,
        Self::NoHead,
        Self::OtherHead,
        Self::Forbidden,
        Self::Fallback,
        Self::OldVersion,
        Self::TwoHops,
        Self::Permanent,
        Self::OtherHost,
        Self::Nowhere,
        Self::Endless,
        Self::Compressed,
        Self::Labelled,
        Self::Minified,
        Self::Garbled,
        Self::Weak,
        Self::OldTags,
        Self::OldLists,
        Self::Silence,
    ];

    /// What is said of it: how loud, of what, and whom it breaks.
    pub(super) fn expected(self) -> [&'static str; 3] {
        match self {
            Self::NoRegistry => ["problem", "/v2/ is answered 404 instead of 200", "Podman"],
            Self::NoChallenge => ["problem", "/v2/ is answered 401 without `WWW-Authenticate`", ""],
            Self::NoPing => ["problem", "/v1/_ping is answered 404 instead of 200", "Docker before 1.10"],
            Self::OctetStream => {
                ["problem", "comes with the Content-Type `application/octet-stream`, not", ""]
            }
            Self::Charset => ["notice", "json; charset=utf-8`, which says more than the type", ""],
            Self::CharsetOfReferrers => {
                ["problem", "; charset=utf-8`, not `application/vnd.oci.image.index.v1+json` alone", ""]
            }
            Self::WrongDigest => ["problem", "comes with the Docker-Content-Digest `sha256:00", ""],
            Self::NoParts => ["notice", "is answered 200 with the whole: ranges are not understood", ""],
            Self::OtherParts => ["problem", "comes with other bytes than those", ""],
            Self::NoHead => ["problem", "is answered 405, and GET 200", "crane"],
            Self::OtherHead => ["problem", "says Content-Length `7`, and GET", ""],
            Self::Forbidden => ["problem", "is not in the store and answered 403 instead of 404", "cosign"],
            Self::Fallback => ["problem", "is not in the store and answered 200 instead of 404", ""],
            Self::OldVersion => ["problem", "says something else instead of MANIFEST_UNKNOWN", "Docker 1.8"],
            Self::TwoHops => ["problem", "takes 2 redirects instead of one", "stargz-snapshotter"],
            Self::Permanent => ["problem", "is redirected with 308", ""],
            Self::OtherHost => ["problem", "leads from localhost to the private address 127.0.0.1", ""],
            Self::Nowhere => ["problem", "is redirected to ``, where nobody can follow", ""],
            Self::Endless => ["problem", "is redirected again and again", ""],
            Self::Compressed => ["problem", "is compressed on its way (Content-Encoding `gzip`)", ""],
            Self::Labelled => ["problem", "is sent with the Content-Encoding `gzip`", ""],
            Self::Minified | Self::Garbled => ["problem", "comes with other bytes than the store has", ""],
            Self::Weak => ["notice", "comes with the weak ETag `W/\"1\"`", ""],
            Self::OldTags => ["problem", "(Age 86400, Cache-Control `max-age=60`)", "whoever pulls by tag"],
            Self::OldLists => ["problem", "lacks OldLists (Age 86400", ""],
            Self::Silence => ["problem", "/tags/list is not answered: no answer within 5s", ""],
        }
    }
}

/// A request, and what came of it.
struct Passing {
    method: Method,
    path: String,
    headers: BTreeMap<String, String>,
    answer: Answer,
}

/// A running front. Its connections end with their answers.
pub(super) struct Front {
    port: u16,
    harm: Harm,
}

impl Front {
    /// Before the endpoint at this host.
    pub(super) fn start(endpoint: &str, harm: Harm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (endpoint, kept) = (endpoint.to_owned(), Arc::<Mutex<BTreeMap<String, Vec<u8>>>>::default());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (endpoint, kept) = (endpoint.clone(), Arc::clone(&kept));
                // Who asks may go away in the middle of an answer.
                thread::spawn(move || _ = serve(stream.unwrap(), &endpoint, harm, &kept));
            }
        });
        Self { port, harm }
    }

    pub(super) fn url(&self) -> String {
        let host = if self.harm == Harm::OtherHost { "localhost" } else { "127.0.0.1" };
        format!("http://{host}:{}", self.port)
    }
}

fn serve(
    stream: TcpStream,
    endpoint: &str,
    harm: Harm,
    kept: &Mutex<BTreeMap<String, Vec<u8>>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(()) };
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned());
    let mut headers = BTreeMap::new();
    for line in lines.by_ref() {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    if harm == Harm::NoParts {
        headers.remove("range");
    }
    let passed: Vec<(&str, &str)> = headers
        .iter()
        .filter(|(name, _)| ["accept", "range"].contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = http::send(&method, &format!("http://{endpoint}{path}"), &passed).unwrap();
    let mut passing = Passing { method, path, headers, answer };
    match harm {
        Harm::OldTags | Harm::OldLists => passing.keep(harm, &mut kept.lock().unwrap()),
        _ => passing.suffer(harm, stream.local_addr()?.port()),
    }
    passing.write(stream)
}

impl Passing {
    fn is_object(&self, what: &str) -> bool {
        self.path.starts_with("/objects/") && self.path.contains(what)
    }

    fn set(&mut self, name: HeaderName, value: &str) {
        self.answer.headers.insert(name, HeaderValue::from_str(value).unwrap());
    }

    fn instead(&mut self, status: u16, body: &str) {
        self.answer = Answer { status, headers: HeaderMap::new(), body: body.into() };
    }

    fn add_charset(&mut self) {
        let plain = self.answer.header("content-type").to_owned();
        self.set(CONTENT_TYPE, &format!("{plain}; charset=utf-8"));
    }

    fn suffer(&mut self, harm: Harm, port: u16) {
        let (is_manifest, is_there) = (self.is_object("/manifest"), self.answer.status == 200);
        match harm {
            Harm::NoRegistry if self.path == "/v2/" => self.instead(404, ""),
            Harm::NoChallenge if self.path == "/v2/" => self.instead(401, ""),
            Harm::NoPing if self.path == "/v1/_ping" => self.instead(404, ""),
            Harm::OctetStream if is_manifest => self.set(CONTENT_TYPE, "application/octet-stream"),
            Harm::Charset if is_manifest => self.add_charset(),
            Harm::CharsetOfReferrers if self.is_object("/referrers/") => self.add_charset(),
            Harm::WrongDigest if is_manifest => {
                let wrong = format!("sha256:{:064}", 0);
                self.set(HeaderName::from_static("docker-content-digest"), &wrong);
            }
            Harm::OtherParts if self.answer.status == 206 => self.answer.body.reverse(),
            Harm::NoHead if self.method == Method::HEAD && self.is_object("") => self.instead(405, ""),
            Harm::OtherHead if self.method == Method::HEAD => self.set(CONTENT_LENGTH, "7"),
            Harm::Forbidden if self.answer.status == 404 => self.instead(403, "<Error/>"),
            Harm::Fallback if self.answer.status == 404 => self.instead(200, "<html>"),
            Harm::OldVersion if self.path == "/v2/" => {
                self.set(HeaderName::from_static("docker-distribution-api-version"), "registry/2.0");
            }
            Harm::OldVersion if self.answer.status == 404 => self.instead(404, "<Error/>"),
            Harm::Compressed if is_there && self.headers["accept-encoding"].contains("gzip") => {
                self.answer.body.reverse();
                self.set(CONTENT_ENCODING, "gzip");
            }
            Harm::Labelled if self.is_object("/data") => self.set(CONTENT_ENCODING, "gzip"),
            Harm::Minified if is_manifest && is_there => self.answer.body.push(b'\n'),
            Harm::Garbled if self.is_object("/data") => self.answer.body.reverse(),
            Harm::Weak => self.set(ETAG, "W/\"1\""),
            Harm::Silence if self.path.ends_with("/tags/list") => thread::sleep(Duration::from_secs(60)),
            _ => self.mislead(harm, port),
        }
    }

    /// Harm to redirects.
    fn mislead(&mut self, harm: Harm, port: u16) {
        let again = format!("{}?again", self.path);
        match harm {
            Harm::TwoHops | Harm::Endless
                if self.is_object("") && (harm == Harm::Endless || !self.path.contains('?')) =>
            {
                self.instead(302, "");
                self.set(LOCATION, &again);
            }
            Harm::Permanent if self.answer.status == 302 => self.answer.status = 308,
            Harm::Nowhere if self.answer.status == 302 => _ = self.answer.headers.remove(LOCATION),
            Harm::OtherHost if self.answer.status == 302 => {
                let location = self.answer.header("location").to_owned();
                self.set(LOCATION, &format!("http://127.0.0.1:{port}{location}"));
            }
            _ => {}
        }
    }

    /// Answers with what came the first time, a day later.
    fn keep(&mut self, harm: Harm, kept: &mut BTreeMap<String, Vec<u8>>) {
        let what = if harm == Harm::OldTags { "/current/manifest" } else { "/tags.json" };
        if self.is_object(what) && self.method == Method::GET {
            let body = &self.answer.body;
            self.answer.body = kept.entry(self.path.clone()).or_insert_with(|| body.clone()).clone();
            self.set(AGE, "86400");
            self.set(CACHE_CONTROL, "max-age=60");
        }
    }

    fn write(mut self, mut stream: TcpStream) -> std::io::Result<()> {
        if self.method != Method::HEAD {
            let length = self.answer.body.len().to_string();
            self.set(CONTENT_LENGTH, &length);
        }
        let mut head = format!("HTTP/1.1 {} ?\r\nConnection: close\r\n", self.answer.status).into_bytes();
        for (name, value) in self.answer.headers.iter().filter(|(name, _)| *name != "connection") {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        stream.write_all(&[&head, &b"\r\n"[..], &self.answer.body].concat())
    }
}
