//! Both programs together, with real clients and real stores. One test binary, so that the daemons start once.
//!
//! `tests/run` installs what these tests need, builds the two programs and runs everything.

// Every function here is part of a test, where clippy's own exemption sees only the `#[test]` ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]

#[path = "../rig/mod.rs"]
mod rig;

mod announced;
mod bounded;
mod ci;
mod crowd;
mod daemon;
mod deploy;
mod faults;
mod from_registry;
mod heads;
mod immutable;
mod indexes;
mod init;
mod interop;
mod interrupted;
mod killed;
mod life;
mod load;
mod looking;
mod mirrored;
mod old_docker;
mod place;
mod pull;
mod quickstart;
mod refused;
mod routes;
mod serve;
mod settings;
mod shell;
mod sources;
mod static_binary;
mod swift;
mod through;
mod tls;
mod unwritable;
mod v1;
mod verified;
mod visible;
