//! A request as a line of a log: printable ASCII in a fixed shape, whatever a client sent. Pure.

use std::io::{self, Write};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{Asker, Exchange};
use crate::settings::Log;

/// How much of what a client says is told; the queue of lines must not be as large as clients like.
const PATH: usize = 1024;
const AGENT: usize = 256;

/// The line, with its end.
pub(super) fn line(format: Log, time: SystemTime, exchange: &Exchange<'_>, asker: &Asker<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    let written = match format {
        Log::Text => text(&mut line, time, exchange, asker),
        Log::Json => json(&mut line, time, exchange, asker),
    };
    // Memory takes everything.
    debug_assert!(written.is_ok(), "{written:?}");
    line.push(b'\n');
    line
}

fn path<'r>(exchange: &Exchange<'r>) -> &'r str {
    &exchange.path[..exchange.path.floor_char_boundary(PATH)]
}

fn agent<'r>(asker: &Asker<'r>) -> Option<&'r [u8]> {
    asker.agent.map(|agent| &agent[..agent.len().min(AGENT)])
}

/// What is quoted has quotes, backslashes and all that is not printable ASCII escaped, as Rust and C write it.
fn text(line: &mut Vec<u8>, time: SystemTime, exchange: &Exchange<'_>, asker: &Asker<'_>) -> io::Result<()> {
    let Exchange { method, status, bytes, took, .. } = exchange;
    let (time, path) = (humantime::format_rfc3339_millis(time), path(exchange).as_bytes().escape_ascii());
    let (client, status, took) = (asker.client, status.as_u16(), took.as_micros());
    write!(line, "{time} {client} \"{method} {path}\" {status} {bytes} {took}us ")?;
    match agent(asker) {
        Some(agent) => write!(line, "\"{}\" ", agent.escape_ascii())?,
        None => line.extend_from_slice(b"- "),
    }
    match asker.trace {
        Some(trace) => write!(line, "{}-{}", trace.id, trace.parent),
        None => line.write_all(b"-"),
    }
}

#[derive(Serialize)]
struct Json<'l> {
    time: String,
    client: String,
    method: &'l str,
    path: &'l str,
    status: u16,
    bytes: u64,
    duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'l str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'l str>,
}

fn json(line: &mut Vec<u8>, time: SystemTime, exchange: &Exchange<'_>, asker: &Asker<'_>) -> io::Result<()> {
    let agent = agent(asker).map(String::from_utf8_lossy);
    let json = Json {
        time: humantime::format_rfc3339_millis(time).to_string(),
        client: asker.client.to_string(),
        method: exchange.method.as_str(),
        path: path(exchange),
        status: exchange.status.as_u16(),
        bytes: exchange.bytes,
        duration_us: exchange.took.as_micros() as u64,
        user_agent: agent.as_deref(),
        trace_id: asker.trace.map(|trace| trace.id),
        parent_id: asker.trace.map(|trace| trace.parent),
    };
    Ok(json.serialize(&mut Serializer::with_formatter(line, Ascii))?)
}

/// RFC 8259 §7 lets any character be escaped: those that a terminal may take for a command, and those that look like a
/// line's end to some readers, are none of them ASCII but DEL.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                writer.write_all(&[character as u8])?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::{Method, StatusCode};

    use super::*;
    use crate::sight::Trace;

    fn told(format: Log, path: &str, agent: Option<&[u8]>, trace: Option<Trace<'_>>) -> String {
        let exchange = Exchange {
            method: &Method::GET,
            path,
            status: StatusCode::FOUND,
            bytes: 0,
            took: Duration::from_nanos(12_345),
        };
        let asker = Asker { client: "192.0.2.1".parse().unwrap(), agent, trace };
        let time = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        String::from_utf8(line(format, time, &exchange, &asker)).unwrap()
    }

    #[test]
    fn a_line_says_who_asked_for_what_and_what_came_of_it() {
        let trace = Trace { id: "4bf92f3577b34da6a3ce929d0e0e4736", parent: "00f067aa0ba902b7" };
        assert_eq!(
            told(Log::Text, "/v2/", Some(b"docker/28.0"), Some(trace)),
            "2023-11-14T22:13:20.123Z 192.0.2.1 \"GET /v2/\" 302 0 12us \"docker/28.0\" \
             4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7\n"
        );
        assert_eq!(
            told(Log::Text, "/v2/", None, None),
            "2023-11-14T22:13:20.123Z 192.0.2.1 \"GET /v2/\" 302 0 12us - -\n"
        );
        assert_eq!(
            told(Log::Json, "/v2/", Some(b"docker/28.0"), Some(trace)),
            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"client\":\"192.0.2.1\",\"method\":\"GET\",\"path\":\"/v2/\",\
             \"status\":302,\"bytes\":0,\"duration_us\":12,\"user_agent\":\"docker/28.0\",\
             \"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"parent_id\":\"00f067aa0ba902b7\"}\n"
        );
    }

    #[test]
    fn nothing_that_a_client_says_leaves_its_place() {
        let bad = "a\"b\\c\r\nd\te\u{1b}[2J\u{7f}\u{85}\u{2028}é\u{1f600}\0";
        for format in [Log::Text, Log::Json] {
            let line = told(format, bad, Some(bad.as_bytes()), None);
            let (line, end) = line.split_at(line.len() - 1);
            assert_eq!(end, "\n");
            assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
        }
        let json: serde_json::Value =
            serde_json::from_str(&told(Log::Json, bad, Some(b"a\xffb"), None)).unwrap();
        assert_eq!((json["path"].as_str(), json["user_agent"].as_str()), (Some(bad), Some("a\u{fffd}b")));
        let text = told(Log::Text, "/\"", Some(b"\" 200 \xff"), None);
        assert!(text.contains(" \"GET /\\\"\" 302 0 12us \"\\\" 200 \\xff\" -"), "{text}");
    }

    #[test]
    fn a_line_is_bounded() {
        let (path, agent) = ("é".repeat(9_999), b"\x01".repeat(9_999));
        for format in [Log::Text, Log::Json] {
            let line = told(format, &path, Some(&agent), None);
            assert!(line.len() < 6 * (PATH + AGENT) + 256, "{}", line.len());
        }
    }
}
