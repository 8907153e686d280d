//! A client cannot tell by an answer whether the plain lane gave it or hyper.
//!
//! The input is what a client sends.
#![no_main]

use endpoint::fuzzing::served;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // hyper looks at a header that came in pieces when it is whole, however wrong it is; and who gets it from the lane
    // gets it in pieces.
    let input = [input, b"\r\n\r\n"].concat();
    let [lane, hyper] = [true, false].map(|by_lane| comparable(&served(&input, by_lane)));
    assert_eq!(lane, hyper);
});

/// Without the date, and with headers in an order: it says nothing, RFC 9110 §5.3.
fn comparable(answers: &[u8]) -> String {
    let text = String::from_utf8_lossy(answers);
    let part = |part: &str| {
        let mut lines: Vec<&str> = part.split("\r\n").filter(|line| !line.starts_with("date: ")).collect();
        if let Some(headers) = lines.get_mut(1..) {
            headers.sort_unstable();
        }
        lines.join("\n")
    };
    text.split("\r\n\r\n").map(part).collect::<Vec<_>>().join("\n\n")
}
