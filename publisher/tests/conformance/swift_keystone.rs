//! A stand-in for Keystone: it speaks the v3 token API, for one user and one application credential, and gives away
//! tokens of a real cluster's.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::swift_server::{Cluster, OWNER};

pub(crate) struct Keystone {
    pub(crate) url: String,
    /// Given away first, in turn: what was valid once.
    pub(crate) stale: Arc<Mutex<VecDeque<&'static str>>>,
    /// How many tokens were given away.
    pub(crate) given: Arc<Mutex<u32>>,
}

impl Keystone {
    pub(crate) async fn of(cluster: &'static Cluster) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v3", listener.local_addr().unwrap());
        let keystone = Self { url, stale: Arc::default(), given: Arc::default() };
        let (stale, given) = (Arc::clone(&keystone.stale), Arc::clone(&keystone.given));
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let request = request(&mut client).await;
                let stale = stale.lock().unwrap().pop_front().map(str::to_owned);
                let answer = if knows(&request) {
                    *given.lock().unwrap() += 1;
                    let token = match stale {
                        Some(token) => token,
                        None => cluster.token(OWNER).await.unwrap(),
                    };
                    answer("201 Created", &format!("X-Subject-Token: {token}\r\n"), &catalog(cluster))
                } else {
                    answer("401 Unauthorized", "", &json!({"error": {"message": "not authorized"}}))
                };
                client.write_all(answer.as_bytes()).await.unwrap();
                client.shutdown().await.unwrap();
            }
        });
        keystone
    }
}

/// The document of `POST /v3/auth/tokens`; null for every other request.
async fn request(client: &mut TcpStream) -> Value {
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).await.unwrap();
    }
    let head = head.to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.unwrap();
    if head.starts_with("post /v3/auth/tokens ") {
        serde_json::from_slice(&body).unwrap()
    } else {
        Value::Null
    }
}

fn knows(request: &Value) -> bool {
    let identity = &request["auth"]["identity"];
    let user = json!({"name": "tester", "domain": {"name": "Default"}, "password": "testing"});
    let scope = json!({"project": {"name": "test", "domain": {"name": "Default"}}});
    let password = *identity == json!({"methods": ["password"], "password": {"user": user}});
    let credential = json!({"id": "c1", "secret": "application secret"});
    let application =
        *identity == json!({"methods": ["application_credential"], "application_credential": credential});
    password && request["auth"]["scope"] == scope || application && request["auth"].get("scope").is_none()
}

fn catalog(cluster: &Cluster) -> Value {
    let endpoint = |interface: &str, region: &str, url: String| json!({"id": "e", "interface": interface, "region": region, "region_id": region, "url": url});
    let nowhere = || "http://127.0.0.1:1/v1/AUTH_test".to_owned();
    let account = cluster.url("").trim_end_matches('/').to_owned();
    json!({"token": {"methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z", "catalog": [
        {"type": "identity", "name": "keystone", "endpoints": [endpoint("public", "Two", nowhere())]},
        {"type": "object-store", "name": "swift", "endpoints": [
            endpoint("public", "One", nowhere()),
            endpoint("public", "Two", account),
            endpoint("internal", "Two", nowhere()),
        ]},
    ]}})
}

fn answer(status: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    let kind = "Content-Type: application/json";
    format!(
        "HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
    )
}
