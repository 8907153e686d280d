//! Sources, good and bad: archives and folders made here and by real programs, opened as a publish opens them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]

mod bad;
mod docker;
mod folder;
mod layout;
mod opening;
mod real;
mod writer;
