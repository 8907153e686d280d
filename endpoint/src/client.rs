//! The client's address: the peer's, or what trusted proxies tell. Pure.

use std::net::{IpAddr, SocketAddr};

use crate::settings::{ClientHeader, Proxies};

/// More proxies than this in a row are nobody's; what strangers write must not keep us busy.
const HOPS: usize = 32;

/// The header whose lines [`client`] wants.
pub(crate) fn header(proxies: &Proxies) -> &'static str {
    match proxies.header {
        ClientHeader::XForwardedFor => "x-forwarded-for",
        ClientHeader::Forwarded => "forwarded",
    }
}

/// The address of the client. Each proxy adds whom it was asked by at the end, so a header is read from there, and only
/// as far as trusted proxies wrote it: what comes before, a client may have written itself.
pub(crate) fn client<'l>(
    peer: IpAddr,
    lines: impl DoubleEndedIterator<Item = &'l [u8]>,
    proxies: &Proxies,
) -> IpAddr {
    // An IPv4 client of a socket for both families.
    let mut client = peer.to_canonical();
    let hop: fn(&str) -> Option<IpAddr> = match proxies.header {
        ClientHeader::XForwardedFor => node,
        ClientHeader::Forwarded => forwarded,
    };
    // A comma in a quoted string is no end of an element, but no address holds one; and whoever reads from the end
    // must not be led astray by a quote that somebody opened before.
    let mut elements = lines.rev().filter_map(text).flat_map(|line| line.rsplit(','));
    for _ in 0..HOPS {
        if proxies.trusted.get(client).is_none() {
            return client;
        }
        // Nothing, `unknown` or a name of the proxy's own: nothing better is known than who told it.
        let Some(before) = elements.next().and_then(hop) else { return client };
        client = before;
    }
    client
}

/// A line that proxies may have written: no address holds anything but ASCII.
fn text(line: &[u8]) -> Option<&str> {
    str::from_utf8(line).ok().filter(|line| line.is_ascii())
}

/// RFC 7239 §4: `for=192.0.2.60;proto=http;by=203.0.113.43`
fn forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// An address, with or without brackets and port.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Given, resolve};

    fn told(header: ClientHeader, peer: &str, lines: &[&str]) -> String {
        let given = Given {
            cdn: Some("https://cdn.test".to_owned()),
            trusted_proxies: vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()],
            client_header: Some(header),
            ..Given::default()
        };
        let proxies = resolve(given, None, Given::default()).unwrap().proxies;
        client(peer.parse().unwrap(), lines.iter().map(|line| line.as_bytes()), &proxies).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        for (peer, lines, address) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("::ffff:192.0.2.1", &[], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("2001:db8::1", &["198.51.100.7"], "198.51.100.7"),
            // The client wrote the first of them itself.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7", "10.0.0.3,10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["10.0.0.3"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("10.0.0.1", &["2001:db9::7"], "2001:db9::7"),
            ("10.0.0.1", &["[2001:db9::7]:4711"], "2001:db9::7"),
            ("10.0.0.1", &["[2001:db9::7]"], "2001:db9::7"),
            ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7, "], "10.0.0.1"),
            ("10.0.0.1", &["unknown, 10.0.0.2"], "10.0.0.2"),
        ] {
            assert_eq!(told(ClientHeader::XForwardedFor, peer, lines), address, "{peer} {lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_writes_it() {
        for (lines, address) in [
            (&["for=198.51.100.7"][..], "198.51.100.7"),
            (&["For=\"[2001:db9:cafe::17]:4711\""], "2001:db9:cafe::17"),
            (&["for=198.51.100.7;proto=http;by=203.0.113.43"], "198.51.100.7"),
            (&["proto=https; FOR=198.51.100.7"], "198.51.100.7"),
            (&["for=1.1.1.1, for=198.51.100.7"], "198.51.100.7"),
            (&["for=198.51.100.7, for=10.0.0.2"], "198.51.100.7"),
            (&["for=\"1.1.1.1, for=198.51.100.7"], "198.51.100.7"),
            (&["for=_hidden"], "10.0.0.1"),
            (&["for=unknown"], "10.0.0.1"),
            (&["by=198.51.100.7"], "10.0.0.1"),
            (&["198.51.100.7"], "10.0.0.1"),
        ] {
            assert_eq!(told(ClientHeader::Forwarded, "10.0.0.1", lines), address, "{lines:?}");
        }
    }

    #[test]
    fn a_long_row_of_proxies_ends() {
        let row = format!("198.51.100.7{}", ", 10.0.0.9".repeat(HOPS));
        assert_eq!(told(ClientHeader::XForwardedFor, "10.0.0.1", &[&row]), "10.0.0.9");
    }
}
