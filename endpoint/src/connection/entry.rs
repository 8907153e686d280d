//! What comes before a connection's first request, where the settings want it: whom a proxy speaks for, room for one
//! more connection of that client, TLS. All of it within the time that the first request has.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::lane::Lane;
use super::{Fresh, Pulse, Server, introduction};
use crate::settings::{Settings, Tls};

/// What a connection has to go through.
pub(crate) struct Entry {
    introduced: bool,
    most: Option<usize>,
    tls: Option<Arc<Tls>>,
}

impl Entry {
    /// `None` where nothing comes before the first request.
    pub(super) fn wanted(settings: &Settings) -> Option<Self> {
        let (introduced, most) = (settings.proxy_protocol, settings.limits.per_client);
        let any = introduced || most.is_some() || settings.tls.is_some();
        any.then(|| Self { introduced, most, tls: settings.tls.clone() })
    }
}

impl Server {
    /// Serves a connection that has to go through this.
    pub(super) async fn enter(self: Arc<Self>, entry: Entry, stream: Fresh, peer: IpAddr, pulse: Arc<Pulse>) {
        let mut stream = match stream.known() {
            Ok(stream) => stream,
            Err(error) => return debug!(%error, %peer, "connection closed: it cannot be waited for"),
        };
        let mut client = peer.to_canonical();
        if entry.introduced && self.trusts(client) {
            match pulse.until_told(introduction::read(&mut stream)).await {
                Some(Ok(told)) => client = told.unwrap_or(client),
                Some(Err(error)) => return debug!(%error, %peer, "connection closed: no PROXY header"),
                None => return debug!(%peer, "connection closed: no PROXY header in time"),
            }
        }
        let place = match entry.most {
            // Behind a proxy are many clients.
            Some(most) if !self.trusts(client) => match self.clients.admit(client, most) {
                Some(place) => Some(place),
                None => return debug!(%client, "connection closed: this client has too many"),
            },
            Some(_) | None => None,
        };
        match entry.tls {
            None => drop(self.talk(Lane::new(stream, client), client, pulse).await),
            Some(tls) => self.secure(&tls, stream, client, pulse).await,
        }
        drop(place);
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.live.view().settings.proxies.trusted.get(address).is_some()
    }

    async fn secure(self: Arc<Self>, tls: &Tls, stream: TcpStream, client: IpAddr, pulse: Arc<Pulse>) {
        let Some(config) = &tls.config else { return };
        match pulse.until_told(TlsAcceptor::from(Arc::clone(config)).accept(stream)).await {
            Some(Ok(stream)) => {
                let lane = Lane::new(stream, client);
                if let Some(mut stream) = self.talk(lane, client, Arc::clone(&pulse)).await {
                    // RFC 8446 §6.1: else the client cannot tell the end from an attack. It may be gone.
                    let _ = pulse.until_told(stream.shutdown()).await;
                }
            }
            Some(Err(error)) => debug!(%error, %client, "connection closed: no TLS"),
            None => debug!(%client, "connection closed: no TLS in time"),
        }
    }
}
