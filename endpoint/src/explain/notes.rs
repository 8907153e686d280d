//! What clients are known to do with redirects that an operator may not expect. Pure.

use std::net::IpAddr;

use crate::settings::{Base, Settings};

/// What to beware of, a sentence each. Nothing of it keeps the endpoint from serving.
pub fn notes(settings: &Settings) -> Vec<String> {
    let mut notes: Vec<_> = settings.tls.iter().filter_map(|tls| tls.note()).collect();
    let Some(public) = &settings.public else { return notes };
    for base in settings.routes.beginnings() {
        if public.is_https() && !base.is_https() {
            notes.push(format!(
                "{base} is plain http behind an https public-url: some clients (regclient) do not follow"
            ));
        }
        if is_within(base.host(), public.host()) {
            // net/http keeps Authorization for the same host and for those below it.
            notes.push(format!(
                "{base} is at or below the public URL's host: clients written in Go send credentials along"
            ));
        }
        if is_private(base) && base.host() != public.host() {
            notes.push(format!(
                "{base} is a private address: some clients (crane, regclient) do not follow from another host"
            ));
        }
    }
    notes
}

fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    host.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_private(base: &Base) -> bool {
    match base.host().trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_private() || address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => false,
    }
}
