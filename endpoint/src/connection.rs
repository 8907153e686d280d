//! One connection's life: in the plain lane for as long as it asks plainly, then with hyper; within its limits of time.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tracing::{Instrument, debug};

use crate::client::{self, client};
use crate::documents;
use crate::live::Live;
use crate::objects::{self, Body};
use crate::respond::respond;
use crate::route::{Answer, Asked, decide};
use crate::sight::{Asker, Exchange, TRACEPARENT, Trace, USER_AGENT, Witness, span};

mod admin;
mod clients;
#[cfg(any(fuzzing, test))]
pub(crate) mod compared;
mod entry;
mod fresh;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod introduction;
mod lane;
mod odd;
mod pulse;
mod watched;

pub(crate) use clients::Clients;
use entry::Entry;
pub(crate) use fresh::Fresh;
use lane::{Lane, Left};
pub(crate) use pulse::{Pulse, Told};
use watched::{Socket, Watched};

/// What all connections share.
pub(crate) struct Server {
    live: Live,
    clients: Arc<Clients>,
    role: Role,
    witness: Arc<Witness>,
    http: auto::Builder<TokioExecutor>,
    /// For a connection that was answered in HTTP/1 before: HTTP/2 only begins where a connection does (RFC 9113 §3.3).
    http1: auto::Builder<TokioExecutor>,
}

/// A connection, as far as it has come.
pub(crate) enum Begun {
    /// Of those who watch over us.
    Admin(Fresh),
    /// With something to go through before its first request.
    Outside(Entry, Fresh),
    /// In the plain lane.
    Talk(Lane<Fresh>),
}

/// Whom a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Clients.
    Public,
    /// Those who watch over it. What they ask is not counted.
    Admin,
}

/// Room for a request's header, so that a path much too long still arrives whole and is answered by 414; beyond, hyper
/// says 431 and closes.
const HEADER_SIZE: usize = 128 * 1024;

impl Server {
    pub(crate) fn new(live: Live, clients: Arc<Clients>, role: Role) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // Not `pipeline_flush`: with it hyper's own answers, 400, 414 and 431, are never sent.
        http.http1().max_buf_size(HEADER_SIZE);
        http.http2()
            // RFC 9113 §6.5.2 recommends no fewer than 100.
            .max_concurrent_streams(100)
            .max_header_list_size(16 * 1024)
            // What a slow reader can make us hold for each stream.
            .max_send_buf_size(64 * 1024)
            // The smallest that RFC 9113 §6.9.2 knows: request bodies are not read.
            .initial_connection_window_size(65_535)
            .initial_stream_window_size(65_535);
        let witness = Arc::new(match role {
            Role::Public => live.sight().witness(),
            Role::Admin => Witness::default(),
        });
        let http1 = http.clone().http1_only();
        Self { live, clients, role, witness, http, http1 }
    }

    /// Who counts what its connections do.
    pub(crate) fn witness(&self) -> &Arc<Witness> {
        &self.witness
    }

    /// Does for a connection what can be done at once. `None` where that was all: its request was there, and the last.
    /// Then it needs neither a task nor somebody who watches over it.
    pub(crate) fn begin(&self, stream: Fresh, peer: IpAddr, pulse: &Pulse) -> Option<Begun> {
        if self.role == Role::Admin {
            return Some(Begun::Admin(stream));
        }
        if let Some(entry) = Entry::wanted(&self.live.view().settings) {
            return Some(Begun::Outside(entry, stream));
        }
        let mut lane = Lane::new(stream, peer);
        // Nobody is to be woken: whoever goes on asks again.
        match lane.poll(&mut Context::from_waker(Waker::noop()), &self.live, pulse, &self.witness) {
            Poll::Ready(Left::Over) => None,
            Poll::Ready(left @ Left::Odd(_)) => {
                lane.leave(left);
                Some(Begun::Talk(lane))
            }
            Poll::Pending => Some(Begun::Talk(lane)),
        }
    }

    /// Serves a connection until it ends, by itself or because its pulse says so.
    pub(crate) async fn serve(self: Arc<Self>, begun: Begun, peer: IpAddr, pulse: Arc<Pulse>) {
        match begun {
            Begun::Talk(lane) => drop(self.talk(lane, peer, pulse).await),
            // In boxes, as below.
            Begun::Outside(entry, stream) => Box::pin(self.enter(entry, stream, peer, pulse)).await,
            Begun::Admin(stream) => {
                Box::pin(self.by_hyper(Bytes::new(), Box::new(stream), peer, pulse)).await;
            }
        }
    }

    /// Serves requests until there are no more. Gives the socket back where it is still open.
    async fn talk<S: Socket>(
        self: Arc<Self>,
        mut lane: Lane<S>,
        peer: IpAddr,
        pulse: Arc<Pulse>,
    ) -> Option<S> {
        let left = poll_fn(|context| {
            pulse.wakes(context);
            lane.poll(context, &self.live, &pulse, &self.witness)
        });
        match left.await {
            Left::Over => Some(lane.into_stream()),
            Left::Odd(begun) => {
                // In a box, so that a connection that never needs hyper has no room for it.
                Box::pin(self.by_hyper(begun, Box::new(lane.into_stream()), peer, pulse)).await;
                None
            }
        }
    }

    /// Serves the rest of a connection, of which `begun` was read already: HTTP/1.1 or HTTP/2 by what comes first.
    async fn by_hyper(
        self: Arc<Self>,
        begun: Bytes,
        stream: Box<dyn Socket>,
        peer: IpAddr,
        pulse: Arc<Pulse>,
    ) {
        let io = TokioIo::new(Watched::new(begun, stream, Arc::clone(&pulse), Arc::clone(&self.witness)));
        let service = service_fn(|request| {
            pulse.asked();
            let server = Arc::clone(&self);
            async move {
                Ok::<_, Infallible>(match server.role {
                    Role::Public => server.answer(request, peer).await,
                    Role::Admin => {
                        admin::answer(request.method(), request.uri().path(), &server.live).map(Either::Left)
                    }
                })
            }
        });
        let http = if pulse.was_asked() { &self.http1 } else { &self.http };
        let mut connection = pin!(http.serve_connection(io, service));
        let mut finishing = false;
        let ended = poll_fn(|context| {
            pulse.wakes(context);
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(Some(ended));
                }
                match pulse.told() {
                    // The answer under way is finished, an idle connection closed, an HTTP/2 client told to go
                    // elsewhere.
                    Some(_) if !finishing => {
                        finishing = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    Some(Told::Cut) => return Poll::Ready(None),
                    Some(Told::Finish) | None => return Poll::Pending,
                }
            }
        });
        match ended.await {
            Some(Ok(())) => {}
            // The client's affair: it left, or spoke something else.
            Some(Err(error)) => {
                if let Some(status) = odd::answered(&*error) {
                    self.witness.unread(status);
                }
                debug!(error, "connection ended");
            }
            None => debug!("connection closed: nothing moves"),
        }
    }

    /// The body of a request is not looked at: hyper closes an HTTP/1.1 connection, and resets an HTTP/2 stream, whose
    /// request was answered while a body is still to come.
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let last = odd::is_last(&request);
        let mut response = match odd::refused(&request) {
            Some(refused) => refused.map(Either::Left),
            None => {
                let values = request.headers().get_all(TRACEPARENT).iter().map(HeaderValue::as_bytes);
                let span = span(Trace::of(values));
                self.decided(request, peer).instrument(span).await
            }
        };
        if last {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn decided(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let begun = Instant::now();
        let view = self.live.view();
        let settings = &view.settings;
        let (method, path) = (request.method(), request.uri().path());
        let values = |name: &'static str| request.headers().get_all(name).iter().map(HeaderValue::as_bytes);
        let address = || client(peer, values(client::header(&settings.proxies)), &settings.proxies);
        let client = settings.by_client.then(address);
        let asked = Asked { method, path, query: request.uri().query(), client };
        let ready = |reply| respond(reply, method, settings).map(Either::Left);
        let response = match decide(&asked, settings, &view.health) {
            Answer::Reply(reply) => ready(reply),
            Answer::Object(directory, key) => {
                objects::answer(directory, &key, &request, settings.changing_ttl).await.unwrap_or_else(ready)
            }
            Answer::Document(wanted) => {
                // In a box, so that a connection has no room for it until it asks for one.
                Box::pin(documents::answer(&wanted, &request, &view)).await.unwrap_or_else(ready)
            }
        };
        debug!(%method, path, status = response.status().as_u16());
        let bytes = match response.headers().get(CONTENT_LENGTH) {
            Some(length) if method != Method::HEAD => {
                length.to_str().ok().and_then(|length| length.parse().ok())
            }
            Some(_) | None => None,
        };
        let bytes = bytes.unwrap_or(0);
        let exchange = Exchange { method, path, status: response.status(), bytes, took: begun.elapsed() };
        self.witness.answered(&exchange, || Asker {
            client: client.unwrap_or_else(address),
            agent: values(USER_AGENT).next(),
            trace: Trace::of(values(TRACEPARENT)),
        });
        response
    }
}
