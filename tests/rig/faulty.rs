//! An HTTP proxy that stands between the publisher and a real store, passes everything through unchanged, and does harm
//! to the requests that it is told: as a network, a load balancer or a busy store do.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hyper::body::Incoming;
use hyper::header::RANGE;
use hyper::{Method, Request};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use fault::{EVERY, Fault};
pub(crate) use refusal::Dialect;
pub(crate) use span::{Blow, Span};

mod connection;
mod fault;
mod refusal;
mod span;
mod store;

/// A running proxy; its connections end with it.
pub(crate) struct Proxy {
    url: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

/// What its connections share.
struct State {
    /// `http://127.0.0.1:PORT` of the store.
    store: String,
    dialect: Dialect,
    blow: Option<Blow>,
    seen: Mutex<Seen>,
}

/// The requests in order of arrival, whichever connection they came by.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) requests: Vec<Line>,
    /// The ranges of those that asked for a part.
    pub(crate) ranges: Vec<String>,
    /// The first that harm was done to.
    pub(crate) struck: Option<Line>,
    /// Where this proxy itself failed: then the trial shows nothing.
    pub(crate) strayed: Option<String>,
}

/// What tells requests apart: one that is sent again has the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) has_body: bool,
}

impl Proxy {
    /// In front of the store at this URL, which speaks this dialect; harmless without a blow.
    pub(crate) fn start(store: &str, dialect: Dialect, blow: Option<Blow>) -> Self {
        let state = State { store: store.to_owned(), dialect, blow, seen: Mutex::default() };
        let state = Arc::new(state);
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let accepting = runtime().spawn(accept(listener, Arc::clone(&state)));
        Self { url, state, accepting }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What has arrived so far.
    pub(crate) fn seen(&self) -> Seen {
        self.state.lock(|seen| seen.clone())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn lock<T>(&self, work: impl FnOnce(&mut Seen) -> T) -> T {
        work(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a request; the harm to be done to it.
    fn arrived(&self, request: &Request<Incoming>) -> Option<Fault> {
        let line = Line::of(request);
        self.lock(|seen| {
            seen.requests.push(line.clone());
            seen.ranges.extend(request.headers().get(RANGE).map(|range| range.to_str().unwrap().to_owned()));
            let blow = self.blow.as_ref()?;
            let struck = blow.falls_on(seen.requests.len(), &line, seen.struck.as_ref());
            if struck && seen.struck.is_none() {
                seen.struck = Some(line);
            }
            struck.then_some(blow.fault)
        })
    }
}

impl Line {
    fn of(request: &Request<Incoming>) -> Self {
        use hyper::body::Body;
        Self {
            method: request.method().clone(),
            target: request.uri().to_string(),
            has_body: request.body().size_hint().lower() > 0,
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection::serve(stream, Arc::clone(&state)));
    }
}

/// One for all proxies of this process.
fn runtime() -> &'static Runtime {
    static SHARED: OnceLock<Runtime> = OnceLock::new();
    SHARED.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    })
}
