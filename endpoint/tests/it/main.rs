//! The endpoint over real sockets and, where flags, signals or exit codes matter, as a real process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod access;
mod commands;
mod connections;
mod directory;
mod documents;
mod federation;
mod http2;
mod introduced;
mod limits;
mod origin;
mod process;
mod reload;
mod rig;
mod shapes;
mod sight;
mod spec;
mod start;
mod tls;
