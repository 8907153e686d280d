//! An answer as bytes, RFC 9112 §4.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;

use crate::respond::{Field, Outline};

/// As in a header: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) type Date = [u8; 29];

/// Puts the answer behind what is there already.
pub(super) fn write(outline: &Outline<'_>, method: &Method, close: bool, date: &Date, output: &mut Vec<u8>) {
    let Outline { status, first, more, body } = outline;
    put(output, &[b"HTTP/1.1 ", status.as_str().as_bytes(), b" "]);
    put(output, &[status.canonical_reason().unwrap_or_default().as_bytes(), b"\r\n"]);
    put_field(output, first);
    put(output, &[b"content-length: "]);
    put_number(output, body.len());
    put(output, &[b"\r\n"]);
    more.iter().flatten().for_each(|field| put_field(output, field));
    if close {
        put(output, &[b"connection: close\r\n"]);
    }
    put(output, &[b"date: ", date, b"\r\n\r\n"]);
    if method != Method::HEAD {
        put(output, &[body.as_bytes()]);
    }
}

fn put(output: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| output.extend_from_slice(part));
}

fn put_field(output: &mut Vec<u8>, (name, value): &Field<'_>) {
    put(output, &[name.as_bytes(), b": ", value, b"\r\n"]);
}

/// Decimal, without the formatting that every request would pay for.
fn put_number(output: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        put_number(output, number / 10);
    }
    output.push(b'0' + (number % 10) as u8);
}

/// The date, as RFC 9110 §6.6.1 wants it on every answer. It is written once a second.
pub(super) fn date() -> Date {
    thread_local! {
        static WRITTEN: Cell<(u64, Date)> = const { Cell::new((0, *b"Thu, 01 Jan 1970 00:00:00 GMT")) };
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (second, date) = WRITTEN.get();
    if second == now {
        return date;
    }
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now));
    let date = text.as_bytes().try_into().unwrap_or(date);
    WRITTEN.set((now, date));
    date
}
