//! OpenStack Swift: a whole cluster of one node, with an account that its owner may do everything in.

use std::env;
use std::process::Command;
use std::sync::OnceLock;

use ureq::http::Method;

use super::http;
use super::process::{Component, free_port};

/// User and key, as `ST_USER` and `ST_KEY` take them.
pub(crate) const OWNER: (&str, &str) = ("test:tester", "testing");
/// May do nothing but what a container's ACL says.
pub(crate) const GUEST: (&str, &str) = ("test:guest", "guesting");

/// One cluster for all tests of this process; each test makes containers of its own.
pub(crate) struct Swift {
    _component: Component,
    port: u16,
}

/// The cluster, started by the first test that asks.
pub(crate) fn swift() -> &'static Swift {
    static SHARED: OnceLock<Swift> = OnceLock::new();
    SHARED.get_or_init(Swift::start)
}

/// So that layers of a test's size are large objects.
const OBJECT_MAX: u32 = 1 << 20;

impl Swift {
    fn start() -> Self {
        let python = env::var_os("SWIFT_PYTHON")
            .expect("SWIFT_PYTHON names no Python that has Swift: run tests/run, which installs one");
        let port = free_port();
        let component = Component::start("swift", |_| {
            let mut command = Command::new(python);
            command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/swift_cluster.py"));
            command.args([port.to_string(), OBJECT_MAX.to_string()]);
            command
        });
        let swift = Self { _component: component, port };
        swift._component.wait(|| swift.make("ready") == Some(201));
        swift
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn auth_url(&self) -> String {
        format!("{}/auth/v1.0", self.origin())
    }

    /// The URL of a container, as a CDN would be told.
    pub(crate) fn url(&self, container: &str) -> String {
        format!("{}/v1/AUTH_test/{container}", self.origin())
    }

    /// Makes a container that everybody may read.
    pub(crate) fn create_public_container(&self, name: &str) {
        assert_eq!(self.make(name), Some(201));
    }

    /// Makes a container with these ACLs for reading and writing.
    pub(crate) fn create_with_acls(&self, name: &str, read: &str, write: &str) {
        let token = self.token().unwrap();
        let headers = [("x-auth-token", &*token), ("x-container-read", read), ("x-container-write", write)];
        let made = http::send(&Method::PUT, &self.url(name), &headers).unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
    }

    /// The names of all objects of a container below a prefix.
    pub(crate) fn list(&self, container: &str, prefix: &str) -> Vec<String> {
        let token = self.token().unwrap();
        let mut names: Vec<String> = Vec::new();
        loop {
            let marker = names.last().map_or("", String::as_str);
            let page = format!("{}?prefix={prefix}&marker={marker}", self.url(container));
            let page = http::send(&Method::GET, &page, &[("x-auth-token", &token)]).unwrap();
            match page.status {
                200 => names.extend(page.text().lines().map(str::to_owned)),
                status => {
                    assert_eq!(status, 204, "{}", page.text());
                    return names;
                }
            }
        }
    }

    /// The names of a large object's segments; none where there is no large object.
    pub(crate) fn segments(&self, container: &str, name: &str) -> Vec<String> {
        let token = self.token().unwrap();
        let url = format!("{}/{name}", self.url(container));
        let asked = format!("{url}?multipart-manifest=get");
        let listed = http::send(&Method::GET, &asked, &[("x-auth-token", &token)]).unwrap();
        if listed.status == 404 || listed.header("x-static-large-object").is_empty() {
            return Vec::new();
        }
        let listed = listed.json();
        let names = listed.as_array().unwrap().iter().map(|segment| segment["name"].as_str().unwrap());
        names.map(|name| name.strip_prefix(&format!("/{container}/")).unwrap().to_owned()).collect()
    }

    /// The status of making it, `None` where there is no token yet.
    fn make(&self, name: &str) -> Option<u16> {
        let headers = [("x-auth-token", &*self.token()?), ("x-container-read", ".r:*")];
        http::send(&Method::PUT, &self.url(name), &headers).ok().map(|answer| answer.status)
    }

    fn token(&self) -> Option<String> {
        let who = [("x-auth-user", OWNER.0), ("x-auth-key", OWNER.1)];
        let login = http::send(&Method::GET, &self.auth_url(), &who).ok()?;
        Some(login.header("x-auth-token").to_owned())
    }
}
