//! What is pulled from: two bases with the same objects, and an endpoint before them whose settings change.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use ureq::http::Method;

use super::{COLOURS, CONNECTIONS, TTLS};
use crate::rig::http::{self, Answer};
use crate::rig::layout::{Layer, Layout};
use crate::rig::ours::Endpoint;
use crate::rig::process::free_port;
use crate::rig::store::Store;

pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) endpoint: Endpoint,
    /// The hosts of both bases.
    pub(crate) bases: [String; 2],
    admin: String,
    serve: bool,
    dir: TempDir,
    _second: Endpoint,
}

impl Place {
    /// Everything is up. The first base is the caller's, to take down.
    pub(crate) fn new(serve: bool) -> (Self, Endpoint) {
        let store = Store::directory();
        for colour in COLOURS {
            let (mut layout, source) = (Layout::default(), tempfile::tempdir().unwrap());
            let image = layout.image("linux/amd64", &[Layer::gzip(&[(colour, b"1")])]);
            layout.list(&image, "1.2");
            layout.write_dir(source.path());
            store.publish(source.path(), &[&format!("{colour}/app:1.2")]);
        }
        let [one, two, admin] = [(); 3].map(|()| format!("127.0.0.1:{}", free_port()));
        let bases = [one, two];
        let [first, second] = [0, 1].map(|nth| base(&store, &bases[nth]));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("endpoint.toml");
        fs::write(&file, settings(0, serve, &bases)).unwrap();
        let endpoint = Endpoint::with_settings(&file, &["--admin", &admin]);
        (Self { store, endpoint, bases, admin, serve, dir, _second: second }, first)
    }

    /// The first base, which is down, up again.
    pub(crate) fn first_base(&self) -> Endpoint {
        base(&self.store, &self.bases[0])
    }

    /// Has the endpoint load the settings of this number. When it has is for the caller to find out.
    pub(crate) fn load_settings(&self, nth: usize) {
        self.load(&settings(nth, self.serve, &self.bases));
    }

    /// Has it load a file with which it cannot work, and waits until it has said so.
    pub(crate) fn load_bad_settings(&self, nth: u32) {
        const BAD: [&str; 4] =
            ["cdn = ", "cnd = 'https://cdn.test'", "cdn = 'cdn.test'", "max-connections = 0"];
        let refused = || self.metric("reloads_total{result=\"bad\"}");
        let before = refused();
        self.load(BAD[nth as usize % BAD.len()]);
        until("it refuses bad settings", || refused() > before);
    }

    fn load(&self, text: &str) {
        // In one step, as whoever edits settings in use should.
        let [new, file] = ["new", "endpoint.toml"].map(|name| self.dir.path().join(name));
        fs::write(&new, text).unwrap();
        fs::rename(new, file).unwrap();
        kill_process(Pid::from_raw(self.endpoint.pid()).unwrap(), Signal::HUP).unwrap();
    }

    /// What it answers on a connection of its own.
    pub(crate) fn ask(&self, path: &str) -> Answer {
        get(&self.endpoint.url(path))
    }

    /// One of its metrics.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let metrics = self.metrics();
        let name = format!("registry_endpoint_{name} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
    }

    /// All of its metrics.
    pub(crate) fn metrics(&self) -> String {
        get(&format!("http://{}/metrics", self.admin)).text()
    }

    /// How much memory it takes.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status =
            fs::read_to_string(PathBuf::from(format!("/proc/{}/status", self.endpoint.pid()))).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// Waits for what happens sooner or later.
pub(crate) fn until(what: &str, happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(120), "two minutes, and not yet: {what}");
        sleep(Duration::from_millis(20));
    }
}

fn get(url: &str) -> Answer {
    http::send(&Method::GET, url, &[]).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn base(store: &Store, host: &str) -> Endpoint {
    let Store::Directory(directory) = store else { unreachable!("it was made as one") };
    Endpoint::of_directory_at(host, directory.path())
}

/// Both lead to the same bases, so that what is known of them stays; which of the two is in force can be told by every
/// answer: by where a name leads, and by how long a redirect may be kept.
fn settings(nth: usize, serve: bool, bases: &[String; 2]) -> String {
    let (colour, ttl, most) = (COLOURS[nth], TTLS[nth], 2 * CONNECTIONS);
    let documents = if serve { "documents = 'serve'\nchanging-ttl = '1s'\n" } else { "" };
    let cdn = format!("cdn = ['http://{}/objects', 'http://{}/objects']", bases[0], bases[1]);
    // Nothing is cut off for being late, and no base counts as down for being slow: this machine may be busy.
    format!(
        "{documents}redirect-ttl = '{ttl}s'\nmax-connections = {most}\n\
         header-timeout = '10m'\nidle-timeout = '10m'\ntotal-timeout = '1h'\norigin-timeout = '2m'\n\
         [watch]\ninterval = '200ms'\ntimeout = '2m'\nfailures = 2\nsuccesses = 2\n\
         [default]\n{cdn}\n[[route]]\nprefix = 'acme'\nrewrite = '{colour}'\n{cdn}\n"
    )
}
