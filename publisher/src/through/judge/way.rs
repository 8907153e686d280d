//! The way to an answer: redirects that clients do not follow, answers that do not come.

use std::net::IpAddr;

use url::{Host, Url};

use super::super::exchange::{Exchange, Lost};
use super::super::wrong::Wrong;

/// What is wrong on the way; `v1` for what only clients of Registry v1 ask for.
pub fn way(exchange: &Exchange, v1: bool) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    match &exchange.end {
        Ok(_) => {}
        Err(Lost::Failed(why)) => wrong.push(Wrong::NoAnswer(why.clone())),
        Err(Lost::Nowhere(location)) => wrong.push(Wrong::Nowhere(location.clone())),
        Err(Lost::Endless) => return vec![Wrong::Endless],
    }
    if exchange.hops.len() > 1 {
        wrong.push(Wrong::Hops(exchange.hops.len()));
    }
    let mut from = &exchange.url;
    for hop in &exchange.hops {
        if from.scheme() == "https" && hop.to.scheme() == "http" {
            wrong.push(Wrong::Downgrade(hop.to.origin().ascii_serialization()));
        }
        if is_strange(from, &hop.to) {
            let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
            wrong.push(Wrong::PrivateAddress { from: host(from), to: host(&hop.to) });
        }
        // Docker knew 301, 302, 303 and 307.
        if v1 && hop.status == 308 {
            wrong.push(Wrong::NewRedirect(hop.status));
        }
        from = &hop.to;
    }
    wrong
}

/// A private or loopback address on another host name: somebody could make clients ask what only they can reach.
fn is_strange(from: &Url, to: &Url) -> bool {
    let address = match to.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return false,
    };
    from.host() != to.host() && is_private(address)
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}
