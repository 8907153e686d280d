//! The kinds of harm.

use std::fmt;

use super::Line;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is reset when the request's head has come; the store hears nothing.
    ResetBefore,
    /// It is reset when half of the request's body has come, which the store has heard by then.
    ResetWithin,
    /// It is reset when the store has carried the request out; its answer is lost.
    ResetAfter,
    /// The answer is 500.
    InternalError,
    /// The answer is 503, or a registry's 429, with the request to slow down.
    SlowDown,
    /// Nothing of the body is taken, and nothing is answered.
    Hang,
    /// The store has carried the request out, and its answer breaks off.
    Truncated,
}

/// All of them.
pub(crate) const EVERY: [Fault; 7] = [
    Fault::ResetBefore,
    Fault::ResetWithin,
    Fault::ResetAfter,
    Fault::InternalError,
    Fault::SlowDown,
    Fault::Hang,
    Fault::Truncated,
];

impl Fault {
    /// Whether this can happen to such a request.
    pub(crate) fn fits(self, line: &Line) -> bool {
        self != Self::ResetWithin || line.has_body
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResetBefore => "a reset before",
            Self::ResetWithin => "a reset within the body of",
            Self::ResetAfter => "a reset after",
            Self::InternalError => "500 to",
            Self::SlowDown => "503 to",
            Self::Hang => "silence on",
            Self::Truncated => "a truncated answer to",
        })
    }
}
