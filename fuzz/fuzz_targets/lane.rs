//! A client cannot tell by an answer whether the plain lane gave it or hyper.
//!
//! The input is what a client sends.
#![no_main]

use endpoint::fuzzing::{comparable, served};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // hyper looks at a header that came in pieces when it is whole, however wrong it is; and who gets it from the lane
    // gets it in pieces.
    let input = [input, b"\r\n\r\n"].concat();
    let [lane, hyper] = [true, false].map(|by_lane| comparable(&served(&input, by_lane)));
    assert_eq!(lane, hyper);
});
