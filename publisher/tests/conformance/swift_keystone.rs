//! A real Keystone, and a real cluster whose users are its own. Keystone starts in 7 s, a new database included.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use publisher::store::swift::{Swift, SwiftLocation};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::seaweed::free_ports;
use crate::subject::CHANGING_TTL;
use crate::swift_server::{HASTE, Servers, http, login};

/// The variables of somebody who may do everything in the project.
pub(crate) const PASSWORD: [(&str, &str); 5] = [
    ("OS_USERNAME", "tester"),
    ("OS_PASSWORD", "testing"),
    ("OS_USER_DOMAIN_NAME", "Default"),
    ("OS_PROJECT_NAME", "test"),
    ("OS_PROJECT_DOMAIN_NAME", "Default"),
];

/// Its catalog names the cluster as public in the region Two, and as internal in the region One.
pub(crate) struct Keystone {
    pub(crate) port: u16,
    _servers: Servers,
}

/// The token of a login, and what it says.
pub(crate) struct Issued {
    pub(crate) token: String,
    pub(crate) told: Value,
}

/// Its cluster takes objects of 1 MiB.
pub(crate) fn keystone() -> &'static Keystone {
    static KEYSTONE: LazyLock<Keystone> = LazyLock::new(|| {
        let [swift, port] = free_ports();
        let arguments = [swift.to_string(), (1 << 20).to_string(), port.to_string()];
        let keystone = Keystone { port, _servers: Servers::start(&arguments) };
        keystone._servers.wait(ready(&keystone));
        keystone
    });
    &KEYSTONE
}

/// Until an account can be written to.
async fn ready(keystone: &Keystone) -> Result<(), String> {
    let start = Instant::now();
    loop {
        if let Some(issued) = keystone.issue().await
            && issued.ask(Method::PUT, "ready", &[]).await.is_ok_and(|answer| answer.status().is_success())
        {
            return Ok(());
        }
        if start.elapsed() > Duration::from_secs(180) {
            return Err("it is not ready after three minutes".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

impl Keystone {
    /// A login by [`PASSWORD`].
    pub(crate) async fn issue(&self) -> Option<Issued> {
        let domain = json!({"name": "Default"});
        let user = json!({"name": "tester", "domain": domain, "password": "testing"});
        let identity = json!({"methods": ["password"], "password": {"user": user}});
        let scope = json!({"project": {"name": "test", "domain": domain}});
        let login = json!({"auth": {"identity": identity, "scope": scope}}).to_string();
        let url = format!("http://127.0.0.1:{}/v3/auth/tokens", self.port);
        let request = http().post(url).header("content-type", "application/json").body(login);
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        let token = answer.headers()["x-subject-token"].to_str().unwrap().to_owned();
        let told = serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap();
        Some(Issued { token, told: told["token"].clone() })
    }

    /// A prefix in a container that is new, and public.
    pub(crate) async fn fresh(&self, container: &str) -> SwiftLocation {
        let issued = self.issue().await.unwrap();
        let made = issued.ask(Method::PUT, container, &[("x-container-read", ".r:*")]).await.unwrap();
        assert!(made.status().is_success(), "{made:?}");
        format!("{container}/some prefix").parse().unwrap()
    }

    /// The id of a new application credential.
    pub(crate) async fn application(&self, secret: &str) -> String {
        let issued = self.issue().await.unwrap();
        let user = issued.told["user"]["id"].as_str().unwrap();
        let url = format!("http://127.0.0.1:{}/v3/users/{user}/application_credentials", self.port);
        let credential = json!({"application_credential": {"name": "publisher", "secret": secret}});
        let request = http().post(url).header("x-auth-token", &issued.token);
        let request = request.header("content-type", "application/json").body(credential.to_string());
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        let told = serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap();
        told["application_credential"]["id"].as_str().unwrap().to_owned()
    }
}

impl Issued {
    /// A request to the account.
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> reqwest::Result<Response> {
        let services = self.told["catalog"].as_array().unwrap();
        let stores = services.iter().find(|service| service["type"] == "object-store").unwrap();
        let endpoints = stores["endpoints"].as_array().unwrap();
        let reached = |store: &&Value| store["interface"] == "public" && store["region_id"] == "Two";
        let account = endpoints.iter().find(reached).unwrap()["url"].as_str().unwrap();
        let request = http().request(method, format!("{account}/{path}")).header("x-auth-token", &self.token);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await
    }
}

/// The store at a location, behind the Keystone that answers at a port, to somebody with these variables.
pub(crate) fn behind(port: u16, location: &SwiftLocation, variables: &[(&str, &str)]) -> Swift {
    let url = format!("http://127.0.0.1:{port}/v3");
    let login = login(&[&[("OS_AUTH_URL", url.as_str())], variables].concat());
    Swift::new(location.clone(), login, CHANGING_TTL).unwrap().with_patience(HASTE)
}

/// Before a Keystone, of which it knows that each answer ends its connection: notes the tokens that pass by.
pub(crate) struct Tap {
    pub(crate) port: u16,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Tap {
    pub(crate) async fn before(keystone: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tap = Self { port: listener.local_addr().unwrap().port(), tokens: Arc::default() };
        let tokens = Arc::clone(&tap.tokens);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let tokens = Arc::clone(&tokens);
                tokio::spawn(async move { pass(client, keystone, &tokens).await.unwrap() });
            }
        });
        tap
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// Revokes the newest token.
    pub(crate) async fn revoke(&self) {
        let token = self.tokens().pop().unwrap();
        let request = http().delete(format!("http://127.0.0.1:{}/v3/auth/tokens", self.port));
        let request = request.header("x-auth-token", &token).header("x-subject-token", &token);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }
}

async fn pass(mut client: TcpStream, keystone: u16, tokens: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", keystone)).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut answer = Vec::new();
    tokio::select! {
        read = from_server.read_to_end(&mut answer) => { read?; }
        broken = async {
            tokio::io::copy(&mut from_client, &mut to_server).await?;
            std::future::pending::<std::io::Result<()>>().await
        } => broken?,
    }
    let given = String::from_utf8_lossy(&answer);
    tokens
        .lock()
        .unwrap()
        .extend(given.lines().filter_map(|line| line.strip_prefix("X-Subject-Token: ")).map(str::to_owned));
    to_client.write_all(&answer).await?;
    to_client.shutdown().await
}
