//! The server: accepts connections, never more than the limit, until it is told to stop; then lets answers finish. [`Cores`]
//! has one of it on each core.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::connection::{Fresh, Role, Server};
use crate::live::Live;
use crate::settings::Settings;
use crate::sight::Witness;

mod admin;
mod cores;
mod crowd;
mod defer;
mod door;

pub use admin::Admin;
pub use cores::Cores;
use crowd::{Crowd, Room, Seat};
use door::Door;

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
    /// The same of the address for those who watch over it.
    #[error("cannot listen on {address}, the admin address")]
    Admin {
        /// As the settings say.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// SIGTERM and SIGINT cannot be waited for.
    #[error("cannot watch for signals")]
    Signals(#[source] io::Error),
    /// The system has no room for another thread.
    #[error("cannot begin a thread")]
    Thread(#[source] io::Error),
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
            Self::Admin { .. } => Some(
                "--admin takes an address of this machine that nobody listens on, and not that of --listen",
            ),
            Self::Signals(_) | Self::Thread(_) => None,
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
    match listener.into_std().and_then(Door::new) {
        Ok(door) => one_of(door, settings.into(), Role::Public, Arc::default(), shutdown).await,
        Err(error) => error!(%error, "a socket cannot be waited for"),
    }
}

/// As [`run`], in one room with others, until it is told to stop. In a box, so that the program holds this once for all
/// its listeners, and not as a part of each.
fn one_until(
    stop: CancellationToken,
    door: Door,
    live: Live,
    role: Role,
    room: Arc<Room>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(one_of(door, live, role, room, stop.cancelled_owned()))
}

async fn one_of(door: Door, live: Live, role: Role, room: Arc<Room>, shutdown: impl Future<Output = ()>) {
    let server = Arc::new(Server::new(live.clone(), Arc::clone(&room.clients), role));
    let mut crowd = Crowd::new(&live.view().settings.limits);
    let mut shutdown = pin!(shutdown);
    let mut looked = Instant::now();
    // One, and not one for each turn: a clock set anew while nothing else is due wakes the runtime.
    let mut look = pin!(time::sleep_until(looked + crowd.tick()));
    // Accepted when there was room, which another loop may have taken since.
    let mut waiting = None;
    loop {
        let left = room.left();
        let limits = live.view().settings.limits.clone();
        if let Some(accepted) = waiting.take() {
            match Seat::take(&room, limits.connections) {
                Some(seat) => crowd.admit(&server, accepted, seat, &limits),
                None => waiting = Some(accepted),
            }
        }
        let full = waiting.is_some() || room.has(limits.connections);
        let (next_look, anybody) = (looked + crowd.tick(), crowd.len() > 0);
        if anybody && look.deadline() != next_look {
            look.as_mut().reset(next_look);
        }
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            () = crowd.ended() => {}
            () = &mut look, if anybody => {
                looked = Instant::now();
                crowd.look(looked, server.witness());
            }
            // At the limit the kernel's queue holds who comes next; they wait, or try another endpoint.
            () = left, if full => {}
            accepted = accept(&door, server.witness()), if !full => waiting = Some(accepted),
        }
    }
    live.sight().stop();
    // At once, so that who asks from here on is refused and goes elsewhere.
    drop(door);
    info!(connections = crowd.len(), "stopping");
    let deadline = live.view().settings.limits.drain;
    crowd.drain(deadline, server.witness()).await;
}

/// The next connection. What is wrong with one connection, or with the system for a while, is waited out.
async fn accept(door: &Door, witness: &Witness) -> (Fresh, SocketAddr) {
    loop {
        match door.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_client(&error) => debug!(%error, "a client left before it was accepted"),
            Err(error) => {
                // Mostly EMFILE: `accept` fails at once, again and again, until a descriptor is free. The pause ends
                // early when a connection does, as the caller then asks anew.
                witness.refused();
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
