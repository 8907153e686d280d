//! Watches the bases between which there is a choice: each is asked for a small object, again and again.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::health::{Health, Streak, Up};
use crate::settings::{Settings, Watch};

/// Watches bases for as long as it lives.
#[derive(Default)]
pub(crate) struct Watchers {
    /// By URL.
    running: HashMap<Uri, Watcher>,
}

struct Watcher {
    up: Arc<Up>,
    watch: Watch,
    _task: AbortOnDropHandle<()>,
}

impl Watchers {
    /// Watches the bases of these settings and no others. What is known of a base that stays is kept, and the looks at
    /// it go on as they were: however often settings are loaded, a base that is down is found to be.
    pub(crate) fn follow(&mut self, settings: &Settings) -> Health {
        let mut before = std::mem::take(&mut self.running);
        let mut tls = None;
        let mut health: Vec<Option<Arc<Up>>> = vec![None; settings.routes.bases().len()];
        for id in settings.routes.to_watch() {
            let Some(base) = settings.routes.base(id) else { continue };
            let url = match format!("{base}{}", settings.watch.object).parse::<Uri>() {
                Ok(url) => url,
                Err(error) => {
                    warn!(%base, %error, "this base cannot be watched");
                    continue;
                }
            };
            let watcher = match before.remove(&url) {
                Some(known) if known.watch == settings.watch => known,
                known => {
                    let up = known.map_or_else(|| Arc::new(Up::new(true)), |known| known.up);
                    // Only who has a choice pays for reading the roots of trust.
                    let tls = tls.get_or_insert_with(|| connector(&settings.watch.authorities)).clone();
                    Watcher::start(tls, url.clone(), up, &settings.watch)
                }
            };
            if let Some(up) = health.get_mut(id.index()) {
                *up = Some(Arc::clone(&watcher.up));
            }
            self.running.insert(url, watcher);
        }
        Health::of(health)
    }
}

impl Watcher {
    fn start(tls: TlsConnector, url: Uri, up: Arc<Up>, watch: &Watch) -> Self {
        let task = tokio::spawn(look_on(tls, url, Arc::clone(&up), watch.clone()));
        Self { up, watch: watch.clone(), _task: AbortOnDropHandle::new(task) }
    }
}

/// Trusts the bundled roots, since an empty container has none, and `more`.
fn connector(more: &[CertificateDer<'static>]) -> TlsConnector {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(more.iter().cloned());
    // The provider is named, since there may be another one in the same program.
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what every version of TLS needs")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(tls))
}

async fn look_on(tls: TlsConnector, url: Uri, up: Arc<Up>, watch: Watch) {
    let mut streak = Streak::default();
    // A look that took long is followed by a pause all the same.
    let mut ticks = time::interval(watch.interval);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let look = match time::timeout(watch.timeout, look(&tls, &url)).await {
            Ok(look) => look,
            Err(_) => Err(Dead::Slow(watch.timeout)),
        };
        debug!(%url, alive = look.is_ok(), "looked at a base");
        let (was, is) = (up.is_up(), streak.seen(look.is_ok(), up.is_up(), &watch));
        up.set(is);
        match look {
            Ok(()) if is && !was => info!(%url, "base is up again"),
            Err(reason) if was && !is => {
                let reason: &(dyn Error + 'static) = &reason;
                warn!(%url, reason, "base is down");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Why a base does not count as alive.
#[derive(Debug, thiserror::Error)]
enum Dead {
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Slow(Duration),
    #[error("it answers {0}")]
    Failing(StatusCode),
    #[error("it has no host")]
    NoHost,
    #[error("its host cannot be in a certificate")]
    Name(#[source] InvalidDnsNameError),
    #[error("it cannot be connected to")]
    Unreachable(#[source] io::Error),
    #[error("TLS does not come about")]
    Insecure(#[source] io::Error),
    #[error("it does not answer as HTTP does")]
    Unclear(#[source] hyper::Error),
}

/// Alive is what answers: an object that is not there, or that we may not read, says that the base works.
///
/// By a connection of its own, since one that was made before says nothing about whether another can be made; so all
/// that reqwest and hyper-util's client know, pools, redirects and proxies, would have to be turned off.
async fn look(tls: &TlsConnector, url: &Uri) -> Result<(), Dead> {
    let host = url.host().ok_or(Dead::NoHost)?;
    let is_https = url.scheme() == Some(&Scheme::HTTPS);
    let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let bare = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((bare, port)).await.map_err(Dead::Unreachable)?;
    if !is_https {
        return ask(stream, url).await;
    }
    let name = ServerName::try_from(bare.to_owned()).map_err(Dead::Name)?;
    ask(tls.connect(name, stream).await.map_err(Dead::Insecure)?, url).await
}

async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, url: &Uri) -> Result<(), Dead> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Dead::Unclear)?;
    // Ends with this look, whatever comes of it.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(request(url)).await.map_err(Dead::Unclear)?;
    if answer.status().is_server_error() { Err(Dead::Failing(answer.status())) } else { Ok(()) }
}

fn request(url: &Uri) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::HEAD;
    if let Some(path) = url.path_and_query() {
        *request.uri_mut() = Uri::from(path.clone());
    }
    if let Some(host) = url.authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    request
}
