//! A token service of the tests' own, since Debian has none: it knows one user, and lets everybody pull what is `public/…`
//! ([token.md](https://distribution.github.io/distribution/spec/auth/token/),
//! [oauth.md](https://distribution.github.io/distribution/spec/auth/oauth/)).

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair, SigningKey};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The one user, and the password.
pub(crate) const USER: (&str, &str) = ("reader", "open-sesame");
/// What the user can have tokens for without the password.
pub(crate) const REFRESH: &str = "identity-of-the-reader";
const ISSUER: &str = "rig-issuer";
const SERVICE: &str = "rig service";

/// A running service.
pub(crate) struct TokenService {
    _runtime: Runtime,
    folder: TempDir,
    realm: String,
    state: Arc<State>,
}

struct State {
    key: KeyPair,
    certificate: Vec<u8>,
    /// By whom and how tokens were asked for: `anonymous`, `password`, `refresh`, `wrong`.
    seen: Mutex<Vec<&'static str>>,
}

impl TokenService {
    pub(crate) fn start() -> Self {
        let (key, folder) = (KeyPair::generate().unwrap(), tempfile::tempdir().unwrap());
        let certificate = CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        fs::write(folder.path().join("issuer.pem"), certificate.pem()).unwrap();
        let state = State { key, certificate: certificate.der().to_vec(), seen: Mutex::default() };
        let state = Arc::new(state);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let realm = format!("http://{}/token", listener.local_addr().unwrap());
        runtime.spawn(serve(listener, Arc::clone(&state)));
        Self { _runtime: runtime, folder, realm, state }
    }

    /// What a `distribution` is told of it in its settings.
    pub(crate) fn settings(&self) -> String {
        let (realm, bundle) = (&self.realm, self.folder.path().join("issuer.pem"));
        format!(
            "auth:\n  token:\n    realm: {realm}\n    service: {SERVICE}\n    issuer: {ISSUER}\n    rootcertbundle: {bundle:?}\n"
        )
    }

    /// How tokens were asked for since the last time.
    pub(crate) fn seen(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state.seen.lock().unwrap())
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { Ok::<_, Infallible>(state.answer(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl State {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let form = body.collect().await.unwrap().to_bytes();
        let form = if head.method == Method::POST { String::from_utf8(form.into()).unwrap() } else { query };
        let fields: HashMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        let password = format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", USER.0, USER.1)));
        let by = match head.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap()) {
            None if field("refresh_token") == REFRESH && field("grant_type") == "refresh_token" => "refresh",
            None if head.method == Method::GET => "anonymous",
            Some(value) if value == password => "password",
            _ => "wrong",
        };
        self.seen.lock().unwrap().push(by);
        if by == "wrong" || field("service") != SERVICE {
            let body = json!({"errors": [{"code": "UNAUTHORIZED", "message": "who are you"}]}).to_string();
            return Response::builder().status(StatusCode::UNAUTHORIZED).body(body.into()).unwrap();
        }
        let token = self.token(by, field("scope"));
        // Those who refresh get it under the other name, as OAuth has it.
        let name = if by == "refresh" { "access_token" } else { "token" };
        Response::new(json!({name: token, "expires_in": 300}).to_string().into())
    }

    /// A JSON web token, signed by ES256 (RFC 7515, RFC 7518 §3.4).
    fn token(&self, by: &str, scope: &str) -> String {
        let access: Vec<_> = scope.split_whitespace().filter_map(|scope| granted(by, scope)).collect();
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let head = json!({"typ": "JWT", "alg": "ES256", "x5c": [BASE64_STANDARD.encode(&self.certificate)]});
        let claims = json!({
            "iss": ISSUER, "sub": by, "aud": SERVICE, "iat": now, "nbf": now - 5, "exp": now + 300, "jti": "1",
            "access": access,
        });
        let encode = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(head.to_string()), encode(claims.to_string()));
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(both(&signature)))
    }
}

/// What of `repository:NAME:ACTIONS` is granted.
fn granted(by: &str, scope: &str) -> Option<serde_json::Value> {
    let [kind, name, actions] = scope.splitn(3, ':').collect::<Vec<_>>().try_into().ok()?;
    let actions: Vec<_> = match by {
        "anonymous" if name.starts_with("public/") => vec!["pull"],
        "anonymous" => return None,
        _ => actions.split(',').collect(),
    };
    Some(json!({"type": kind, "name": name, "actions": actions}))
}

/// The two numbers of a signature without their DER: `30 LEN 02 LEN r 02 LEN s`, each as 32 bytes.
fn both(der: &[u8]) -> Vec<u8> {
    let (mut rest, mut numbers) = (&der[2..], Vec::new());
    while let [2, length, more @ ..] = rest {
        let (number, after) = more.split_at(usize::from(*length));
        let number = &number[number.len().saturating_sub(32)..];
        numbers.extend(std::iter::repeat_n(0, 32 - number.len()).chain(number.iter().copied()));
        rest = after;
    }
    numbers
}
