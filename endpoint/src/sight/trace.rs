//! `traceparent` of W3C's Trace Context, as far as a log wants it.

use tracing::{Span, error_span};

/// Which trace a request belongs to, and which span of it made the request: both as hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace<'r> {
    pub(crate) id: &'r str,
    pub(crate) parent: &'r str,
}

/// The header that tells it.
pub(crate) const TRACEPARENT: &str = "traceparent";

impl<'r> Trace<'r> {
    /// Of the values of all headers [`TRACEPARENT`]. Level 1, §3.2: one that is not valid, or one of several, counts as
    /// none; a version to come may say more behind what we know.
    pub(crate) fn of(mut values: impl Iterator<Item = &'r [u8]>) -> Option<Self> {
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        let text = str::from_utf8(value).ok()?;
        let mut fields = text.splitn(5, '-');
        let [version, id, parent, flags] = [2, 32, 16, 2].map(|length| hex(fields.next(), length));
        let (version, id, parent, _) = (version?, id?, parent?, flags?);
        if version == "ff" || version == "00" && fields.next().is_some() || is_zero(id) || is_zero(parent) {
            return None;
        }
        Some(Self { id, parent })
    }
}

/// In which the log tells all that is done for a request, whatever level it is told at.
pub(crate) fn span(trace: Option<Trace<'_>>) -> Span {
    trace.map_or_else(Span::none, |Trace { id, parent }| error_span!("request", trace = id, parent))
}

/// In lower case alone, as the specification has it.
fn hex(field: Option<&str>, length: usize) -> Option<&str> {
    field.filter(|field| {
        field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn is_zero(field: &str) -> bool {
    field.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn of(values: &[&str]) -> Option<String> {
        let trace = Trace::of(values.iter().map(|value| value.as_bytes()))?;
        Some(format!("{} {}", trace.id, trace.parent))
    }

    #[test]
    fn a_valid_one_is_read() {
        for value in [
            format!("00-{ID}-{PARENT}-01"),
            format!("00-{ID}-{PARENT}-ff"),
            format!("01-{ID}-{PARENT}-00"),
            format!("cc-{ID}-{PARENT}-00-what-comes-\u{e9}"),
        ] {
            assert_eq!(of(&[&value]), Some(format!("{ID} {PARENT}")), "{value}");
        }
    }

    #[test]
    fn any_other_is_none() {
        let good = format!("00-{ID}-{PARENT}-01");
        for value in [
            "".to_owned(),
            "00".to_owned(),
            format!("{good}-"),
            format!("{good}-more"),
            format!("{good} "),
            format!("cc-{ID}-{PARENT}-00more"),
            format!("ff-{ID}-{PARENT}-01"),
            format!("0-{ID}-{PARENT}-01"),
            format!("00-{ID}-{PARENT}"),
            format!("00-{ID}-{PARENT}-1"),
            format!("00-{ID}-{PARENT}-0g"),
            format!("00-{}-{PARENT}-01", ID.to_uppercase()),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{ID}-{}-01", "0".repeat(16)),
            format!("00-{ID}0-{PARENT}-01"),
            format!("00-{}\n-{PARENT}-01", &ID[1..]),
            format!("00-{}é-{PARENT}-01", &ID[2..]),
        ] {
            assert_eq!(of(&[&value]), None, "{value:?}");
        }
        assert_eq!(of(&[&good, &good]), None);
        assert_eq!(of(&[]), None);
        assert_eq!(Trace::of([&b"\xff"[..]].into_iter()), None);
    }
}
