//! Which requests are struck.

use super::{Fault, Line};

/// One kind of harm, and to whom it is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blow {
    pub(crate) fault: Fault,
    /// The number of the request that is struck first, from 1 on; where the harm does not fit it, the next is.
    pub(crate) at: usize,
    pub(crate) span: Span,
}

/// How long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Span {
    /// It passes: the same request is carried out when it is sent again.
    Once,
    /// The same request fails however often it is sent; others are carried out.
    Same,
    /// Everything fails from there on.
    Onward,
}

impl Blow {
    /// Whether it falls on the request of this number; `struck` is the first that it fell on.
    pub(super) fn falls_on(&self, number: usize, line: &Line, struck: Option<&Line>) -> bool {
        let here = match (self.span, struck) {
            (Span::Once | Span::Same, None) | (Span::Onward, _) => number >= self.at,
            (Span::Once, Some(_)) => false,
            (Span::Same, Some(struck)) => struck == line,
        };
        here && self.fault.fits(line)
    }
}
