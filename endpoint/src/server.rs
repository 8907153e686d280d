//! The server: accepts connections, never more than the limit, until it is told to stop; then lets answers finish.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::connection::Server;
use crate::live::Live;
use crate::settings::Settings;

/// Why serving does not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}")]
    Listen {
        /// As the settings say.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// SIGTERM and SIGINT cannot be waited for.
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
}

impl StartError {
    /// What helps, where we know it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Listen { source, .. } => match source.kind() {
                io::ErrorKind::AddrInUse => {
                    Some("another program listens there: stop it, or choose another port with --listen")
                }
                io::ErrorKind::PermissionDenied => {
                    Some("ports below 1024 may be reserved: try --listen 127.0.0.1:5000")
                }
                _ => Some("--listen takes an address of this machine; 0.0.0.0 or [::] stand for all of them"),
            },
            Self::Signals(_) => None,
        }
    }
}

/// Binds the address of the settings, and logs which one it is: port 0 stands for any free one.
pub async fn listen(settings: &Settings) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(settings.listen).await;
    let (listener, address) = bound
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(|source| StartError::Listen { address: settings.listen, source })?;
    info!(%address, redirects_to = %settings.routes, "listening");
    Ok(listener)
}

/// Serves until `shutdown` resolves, then drains: no connection is accepted any more, idle ones are closed, and answers
/// under way have until the deadline of the settings.
///
/// Nothing that a client or the system does ends it earlier.
pub async fn run(listener: TcpListener, settings: impl Into<Live>, shutdown: impl Future<Output = ()>) {
    let live = settings.into();
    let server = Arc::new(Server::new(live.clone()));
    let stop = CancellationToken::new();
    let mut open = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = open.join_next() => note(ended),
            // At the limit the kernel's queue holds who comes next; they wait, or try another endpoint.
            (stream, peer) = accept(&listener), if open.len() < live.view().settings.limits.connections => {
                open.spawn(Arc::clone(&server).serve(stream, peer.ip(), stop.clone()));
            }
        }
    }
    // At once, so that who asks from here on is refused and goes elsewhere.
    drop(listener);
    stop.cancel();
    info!(connections = open.len(), "stopping");
    let deadline = live.view().settings.limits.drain;
    drain(open, deadline).await;
}

async fn drain(mut open: JoinSet<()>, deadline: Duration) {
    let all = async {
        while let Some(ended) = open.join_next().await {
            note(ended);
        }
    };
    if time::timeout(deadline, all).await.is_err() {
        warn!(
            connections = open.len(),
            "answers are still under way at the drain deadline, cutting them off"
        );
    }
    open.shutdown().await;
}

/// The next connection. What is wrong with one connection, or with the system for a while, is waited out.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_client(&error) => debug!(%error, "a client left before it was accepted"),
            Err(error) => {
                // Mostly EMFILE: `accept` fails at once, again and again, until a descriptor is free. The pause ends
                // early when a connection does, as the caller then asks anew.
                warn!(%error, "cannot accept connections, trying again");
                time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A panic ends its connection and no other.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection's task failed");
    }
}
