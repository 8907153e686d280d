//! Requests without a store's credentials: straight to this machine, else by the proxies that the environment names.
//!
//! What is sent to this machine is sent without TLS and may hold a password, since nobody is between; the library's own
//! rule sends it to the proxy too, unless `NO_PROXY` says otherwise.

use std::error::Error;

use reqwest::{Certificate, Client, Identity, Method, RequestBuilder};
use url::{Host, Url};

use crate::store::swift::http_clients;

/// Certificates that are told of beside the machine's own.
#[derive(Default)]
pub(crate) struct Certs {
    /// Whom to trust.
    pub(crate) authorities: Vec<Certificate>,
    /// Who we are, where somebody asks for it.
    pub(crate) identity: Option<Identity>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Anonymous {
    world: Client,
    here: Client,
}

impl Anonymous {
    /// Trusts whom stores are trusted by.
    pub(crate) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        Self::knowing(&Certs::default())
    }

    /// The same with more certificates.
    pub(crate) fn knowing(certs: &Certs) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (world, here) = http_clients(certs)?;
        Ok(Self { world, here })
    }

    /// A request, to be sent.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let client = if is_here(&url) { &self.here } else { &self.world };
        client.request(method, url)
    }
}

/// Whether a URL leads to this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
