//! The PROXY protocol, version 1 or 2: whom a proxy's connection is of.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>

use std::io;
use std::net::IpAddr;

use proxy_header::{Error, ParseConfig, ProxyHeader};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Much more than proxies tell. Version 2 could take 64 KiB.
const LONGEST: usize = 4096;

/// The longest header of version 1, its end included.
const LONGEST_LINE: usize = 107;

/// Why a connection does not begin as it must.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntroductionError {
    /// Something else comes first.
    #[error("it begins with something else")]
    Malformed,
    /// It does not end.
    #[error("its PROXY header is longer than {LONGEST} bytes")]
    TooLong,
    /// It ends before.
    #[error("it ends in its PROXY header")]
    Ended(#[source] io::Error),
}

/// Reads the header, and not a byte more: what follows may be for TLS. `None` where the proxy speaks for itself, as its
/// health checks do, or for a client without an address.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<IpAddr>, IntroductionError> {
    let mut bytes = vec![0; LONGEST];
    let mut read = 0;
    loop {
        let more = stream.peek(&mut bytes[read..]).await.map_err(IntroductionError::Ended)?;
        if more == 0 {
            return Err(match bytes.len() - read {
                0 => IntroductionError::TooLong,
                _ => IntroductionError::Ended(io::ErrorKind::UnexpectedEof.into()),
            });
        }
        let parsed = parse(&bytes[..read + more])?;
        // What is no whole header is all header; taken away, it does not wake us again.
        let end = parsed.map_or(read + more, |(_, length)| length);
        stream.read_exact(&mut bytes[read..end]).await.map_err(IntroductionError::Ended)?;
        read = end;
        if let Some((client, _)) = parsed {
            return Ok(client);
        }
    }
}

/// Whom it is of, and how long it is. `None` where there is more to come. Pure.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Option<IpAddr>, usize)>, IntroductionError> {
    let known = [&b"PROXY "[..], b"\r\n\r\n\0\r\nQUIT\n"];
    if !known.iter().any(|known| bytes.iter().zip(*known).all(|(is, known)| is == known)) {
        return Err(IntroductionError::Malformed);
    }
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    match ProxyHeader::parse(bytes, config) {
        Ok((_, length)) if is_no_line(&bytes[..length]) => Err(IntroductionError::Malformed),
        Ok((header, length)) => {
            let client = header.proxied_address().map(|address| address.source.ip().to_canonical());
            Ok(Some((client, length)))
        }
        Err(Error::BufferTooShort) => Ok(None),
        Err(_) => Err(IntroductionError::Malformed),
    }
}

/// What of version 1 the parser lets through: a line that is too long, though not when it comes in pieces; and a word
/// that only begins as UNKNOWN does.
fn is_no_line(header: &[u8]) -> bool {
    let Some(line) = header.strip_prefix(b"PROXY ") else { return false };
    let after = line.strip_prefix(b"UNKNOWN").and_then(|rest| rest.first());
    header.len() > LONGEST_LINE || after.is_some_and(|byte| ![b' ', b'\r'].contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\x0a\0\0\x01\x12\x34\x01\xbb\x04\0\0";

    fn client(bytes: &[u8]) -> Option<String> {
        let (client, length) = parse(bytes).unwrap().unwrap();
        assert_eq!(length, bytes.len());
        client.map(|client| client.to_string())
    }

    #[test]
    fn both_versions_tell_the_client() {
        assert_eq!(client(b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n").as_deref(), Some("192.0.2.7"));
        assert_eq!(client(b"PROXY TCP6 2001:db8::7 ::1 4660 443\r\n").as_deref(), Some("2001:db8::7"));
        assert_eq!(client(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n").as_deref(), Some("192.0.2.7"));
        assert_eq!(client(V2).as_deref(), Some("192.0.2.7"));
    }

    #[test]
    fn a_proxy_may_speak_for_itself() {
        assert_eq!(client(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(client(&[&b"PROXY UNKNOWN "[..], &[b'x'; 91], b"\r\n"].concat()), None);
        assert_eq!(client(b"PROXY UNKNOWN ffff:f::ffff ffff::1 65535 65535\r\n"), None);
        assert_eq!(client(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"), None);
    }

    #[test]
    fn what_comes_in_pieces_is_waited_for_and_what_follows_is_left() {
        for header in [b"PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n", V2] {
            for end in 1..header.len() {
                assert_eq!(parse(&header[..end]).unwrap(), None, "{end}");
            }
            let (_, length) = parse(&[header, b"GET /"].concat()).unwrap().unwrap();
            assert_eq!(length, header.len());
        }
    }

    #[test]
    fn nothing_else_is_a_header() {
        for bytes in [
            &b"GET /v2/ HTTP/1.1\r\n"[..],
            b"G",
            b"proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
            b"PROXY\tTCP4 192.0.2.7 10.0.0.1 1 2\r\n",
            b"PROXY TCP4 2001:db8::7 10.0.0.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.777 10.0.0.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n",
            b"PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\rX",
            &[&b"PROXY UNKNOWN "[..], &[b'x'; 107]].concat(),
            &[&b"PROXY UNKNOWN "[..], &[b'x'; 92], b"\r\n"].concat(),
            b"PROXY UNKNOWN2\r\n",
            b"\r\n\r\n\0\r\nQUIX",
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\xc0\0\x02\x07\x0a\0\0\x01\x12\x34\x01\xbb",
        ] {
            let parsed = parse(bytes);
            assert!(matches!(parsed, Err(IntroductionError::Malformed)), "{bytes:?}: {parsed:?}");
        }
    }
}
