//! Real Swift clusters for the whole test run: one that takes large objects, and one that takes none over 1 MiB.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use publisher::store::Patience;
use publisher::store::swift::{Login, Swift, SwiftLocation};
use reqwest::{Client, Method, Response};

use crate::seaweed::{GUARD, free_ports};
use crate::subject::CHANGING_TTL;

/// Who asks: user and key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User(pub(crate) &'static str, pub(crate) &'static str);

/// May do everything.
pub(crate) const OWNER: User = User("test:tester", "testing");
/// May do what an ACL permits.
pub(crate) const GUEST: User = User("test:guest", "guesting");

/// So that what is hopeless is soon given up.
pub(crate) const HASTE: Patience =
    Patience { attempts: 6, pause: Duration::from_millis(5), request: Duration::from_secs(60) };

pub(crate) struct Cluster {
    pub(crate) port: u16,
    _servers: Servers,
}

/// The processes of a cluster.
pub(crate) struct Servers {
    folder: PathBuf,
    // Its standard input ends with this process, and with that the servers.
    _guard: Child,
}

impl Servers {
    pub(crate) fn start(arguments: &[String]) -> Self {
        let python = env::var("SWIFT_PYTHON")
            .expect("SWIFT_PYTHON names no Python that has Swift: run these tests by tests/run");
        let folder = tempfile::Builder::new().prefix("swift-").tempdir().unwrap().keep();
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard"]).arg(&folder).arg(python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/rig/swift_cluster.py")).args(arguments);
        Self { folder, _guard: command.stdin(Stdio::piped()).spawn().unwrap() }
    }

    /// Until they are ready.
    pub(crate) fn wait(&self, ready: impl Future<Output = Result<(), String>> + Send) {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Runtimes do not nest.
        let waited = thread::scope(|scope| scope.spawn(|| runtime().block_on(ready)).join()).unwrap();
        waited.unwrap_or_else(|error| {
            let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
            panic!("Swift: {error}: {}", String::from_utf8_lossy(&log))
        });
    }
}

/// Takes objects of 5 GB.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(5_368_709_122));
    &CLUSTER
}

/// Takes objects of 1 MiB.
pub(crate) fn small_cluster() -> &'static Cluster {
    static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start(1 << 20));
    &CLUSTER
}

impl Cluster {
    fn start(object_max: u64) -> Self {
        let [port] = free_ports();
        let cluster = Self { port, _servers: Servers::start(&[port.to_string(), object_max.to_string()]) };
        cluster._servers.wait(ready(&cluster));
        cluster
    }

    pub(crate) fn auth_url(&self) -> String {
        format!("http://127.0.0.1:{}/auth/v1.0", self.port)
    }

    /// The URL of a path in the account.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v1/AUTH_test/{path}", self.port)
    }

    pub(crate) async fn token(&self, user: User) -> Option<String> {
        let request = http().get(self.auth_url()).header("x-auth-user", user.0).header("x-auth-key", user.1);
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        Some(answer.headers()["x-auth-token"].to_str().unwrap().to_owned())
    }

    /// A request of the owner's.
    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let token = self.token(OWNER).await.unwrap();
        let request = http().request(method, self.url(path)).header("x-auth-token", token);
        headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
            .send()
            .await
            .unwrap()
    }

    /// A prefix in a container that is new, and public.
    pub(crate) async fn fresh(&self) -> SwiftLocation {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let container = format!("some container {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let made = self.ask(Method::PUT, &container, &[("x-container-read", ".r:*")]).await;
        assert!(made.status().is_success(), "{made:?}");
        format!("{container}/some prefix").parse().unwrap()
    }

    pub(crate) fn login(&self, user: User) -> Login {
        login(&[("ST_AUTH", &self.auth_url()), ("ST_USER", user.0), ("ST_KEY", user.1)])
    }

    /// The store at a location, as its owner sees it.
    pub(crate) fn store(&self, location: &SwiftLocation) -> Swift {
        self.store_of(location, OWNER)
    }

    pub(crate) fn store_of(&self, location: &SwiftLocation, user: User) -> Swift {
        Swift::new(location.clone(), self.login(user), CHANGING_TTL).unwrap().with_patience(HASTE)
    }

    /// How many segments stand in the container.
    pub(crate) async fn segments(&self, location: &SwiftLocation) -> usize {
        let path = format!("{}?prefix={}/static-registry/segments/", location.container, location.prefix);
        let listed = self.ask(Method::GET, &path, &[]).await.text().await.unwrap();
        listed.lines().count()
    }
}

/// A login by these variables.
pub(crate) fn login(variables: &[(&str, &str)]) -> Login {
    let get =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Login::of(get).unwrap()
}

pub(crate) fn http() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// Until tokens are given, which takes the proxy, and an account is there, which takes all servers.
async fn ready(cluster: &Cluster) -> Result<(), String> {
    let start = Instant::now();
    loop {
        if let Some(token) = cluster.token(OWNER).await {
            let put =
                http().put(cluster.url("ready")).header("x-auth-token", token).header("content-length", 0);
            if put.send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
        }
        if start.elapsed() > Duration::from_secs(60) {
            return Err("it is not ready after a minute".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
