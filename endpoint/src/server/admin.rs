//! The listener for those who watch over the process: an address of its own, so that no client can ever reach it by the
//! public one, with the same limits.

use std::future::pending;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::door::Door;
use super::{StartError, one_until};
use crate::connection::Role;
use crate::live::Live;

/// The admin address, bound, if there is one.
#[derive(Debug)]
pub struct Admin(Option<(SocketAddr, TcpListener)>);

impl Admin {
    /// Binds the address of the settings.
    pub fn bind(live: &Live) -> Result<Self, StartError> {
        let Some(address) = live.view().settings.admin else { return Ok(Self(None)) };
        let bound = listen(address).map_err(|source| StartError::Admin { address, source })?;
        Ok(Self(Some(bound)))
    }

    /// Answers for ever, and says in the log at which address.
    pub async fn run(self, live: Live) {
        if let Some((admin, listener)) = self.0 {
            match Door::new(listener) {
                Ok(door) => {
                    info!(%admin, "metrics are served");
                    one_until(CancellationToken::new(), door, live, Role::Admin, Arc::default()).await;
                }
                Err(error) => error!(%error, "the admin socket cannot be waited for"),
            }
        }
        pending().await
    }
}

fn listen(address: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok((listener.local_addr()?, listener))
}
