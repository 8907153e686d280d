//! One connection's life: HTTP/1.1 or HTTP/2 by what the client says first, within its limits of time.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::client::client;
use crate::live::Live;
use crate::objects::{self, Body};
use crate::respond::respond;
use crate::route::{Answer, Asked, decide};

mod pulse;

use pulse::{Pulse, Watched};

/// What all connections share.
pub(crate) struct Server {
    live: Live,
    http: auto::Builder<TokioExecutor>,
}

/// Room for a request's header, so that a path much too long still arrives whole and is answered by 414; beyond, hyper
/// says 431 and closes.
const HEADER_SIZE: usize = 128 * 1024;

impl Server {
    pub(crate) fn new(live: Live) -> Self {
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
        Self { live, http }
    }

    /// Serves one connection until it ends, by itself or by a limit, or until `stop`.
    pub(crate) async fn serve(self: Arc<Self>, stream: TcpStream, peer: IpAddr, stop: CancellationToken) {
        // Answers are small and complete; waiting for more to send only adds latency.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "no TCP_NODELAY");
        }
        let pulse = Arc::new(Pulse::new());
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&pulse)));
        let service = service_fn(|request| {
            pulse.asked();
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(request, peer).await) }
        });
        // Those of its beginning, to its end.
        let limits = self.live.view().settings.limits.clone();
        let mut connection = pin!(self.http.serve_connection(io, service));
        tokio::select! {
            biased;
            ended = connection.as_mut() => return note(ended),
            () = pulse.stops(&limits) => {}
            () = time::sleep(limits.total) => {}
            () = stop.cancelled() => {}
        }
        // The answer under way is finished, an idle connection closed, an HTTP/2 client told to go elsewhere.
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            ended = connection.as_mut() => note(ended),
            () = pulse.stops(&limits) => debug!("connection closed: nothing moves"),
        }
    }

    /// The body of a request is not looked at: hyper closes an HTTP/1.1 connection, and resets an HTTP/2 stream, whose
    /// request was answered while a body is still to come.
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let view = self.live.view();
        let settings = &view.settings;
        let (method, path) = (request.method(), request.uri().path());
        let client = settings.by_client.then(|| client(peer, request.headers(), &settings.proxies));
        let asked = Asked { method, path, query: request.uri().query(), client };
        let ready = |reply| respond(reply, method, settings).map(Either::Left);
        let response = match decide(&asked, settings, &view.health) {
            Answer::Reply(reply) => ready(reply),
            Answer::Object(directory, key) => {
                objects::answer(directory, &key, &request, settings.changing_ttl).await.unwrap_or_else(ready)
            }
        };
        debug!(%method, path, status = response.status().as_u16());
        response
    }
}

/// A connection that ends with an error is the client's affair: it left, or spoke something else.
fn note(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        debug!(error, "connection ended");
    }
}
