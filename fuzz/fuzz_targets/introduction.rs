//! A PROXY header ends at one place, whatever follows and in whatever pieces it comes.
//!
//! The input is what a connection begins with.
#![no_main]

use endpoint::fuzzing::introduction;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    match introduction(input) {
        Ok(Some((client, length))) => {
            assert!(length <= input.len());
            for end in 0..length {
                assert_eq!(introduction(&input[..end]), Ok(None), "{end} bytes of {length}");
            }
            for rest in [&b""[..], b"G", b"\r\n\r\n\0\r\nQUIT\n", b"PROXY "] {
                let other = [&input[..length], rest].concat();
                assert_eq!(introduction(&other), Ok(Some((client, length))), "followed by {rest:?}");
            }
            agrees(&input[..length], client.map(|client| client.to_string()));
        }
        // What may still become a header has not been refused before.
        Ok(None) => {
            for end in 0..input.len() {
                assert_eq!(introduction(&input[..end]), Ok(None));
            }
        }
        Err(()) => assert_eq!(introduction(&[input, b"\r\n"].concat()), Err(())),
    }
});

/// The text of version 1 says who it is.
fn agrees(header: &[u8], client: Option<String>) {
    let Ok(text) = str::from_utf8(header) else { return };
    let Some(line) = text.strip_prefix("PROXY ").and_then(|text| text.strip_suffix("\r\n")) else { return };
    assert!(text.len() <= 107, "{} bytes", text.len());
    let mut words = line.split(' ');
    match words.next() {
        Some("UNKNOWN") => assert_eq!(client, None),
        Some("TCP4" | "TCP6") => {
            let told = words.next().and_then(|word| word.parse::<std::net::IpAddr>().ok());
            assert_eq!(client, told.map(|told| told.to_canonical().to_string()));
        }
        other => panic!("{other:?}"),
    }
}
