//! OpenStack Swift: a whole cluster of one node, with an account that its owner may do everything in.

use std::env;
use std::process::Command;
use std::sync::OnceLock;

use ureq::http::Method;

use super::http;
use super::process::{Component, free_port};

/// User and key, as `ST_USER` and `ST_KEY` take them.
pub(crate) const OWNER: (&str, &str) = ("test:tester", "testing");

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

    pub(crate) fn auth_url(&self) -> String {
        format!("http://127.0.0.1:{}/auth/v1.0", self.port)
    }

    /// The URL of a container, as a CDN would be told.
    pub(crate) fn url(&self, container: &str) -> String {
        format!("http://127.0.0.1:{}/v1/AUTH_test/{container}", self.port)
    }

    /// Makes a container that everybody may read.
    pub(crate) fn create_public_container(&self, name: &str) {
        assert_eq!(self.make(name), Some(201));
    }

    /// The status of making it, `None` where there is no token yet.
    fn make(&self, name: &str) -> Option<u16> {
        let who = [("x-auth-user", OWNER.0), ("x-auth-key", OWNER.1)];
        let login = http::send(&Method::GET, &self.auth_url(), &who).ok()?;
        let headers = [("x-auth-token", login.header("x-auth-token")), ("x-container-read", ".r:*")];
        http::send(&Method::PUT, &self.url(name), &headers).ok().map(|answer| answer.status)
    }
}
