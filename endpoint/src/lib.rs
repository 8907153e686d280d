//! The registry's name: what stands before the slash in `docker pull registry.example.com/acme/app`.
//!
//! A request is decided without I/O, by pure functions, and mostly answered by a redirect to the object that the
//! publisher has put into the bucket:
//!
//! ```text
//! GET /v2/acme/app/manifests/1.2
//!   -> route::decide       Answer::Reply(Reply::Redirect("https://cdn.example.com/docker/registry/v2/…"))
//!   -> respond::respond    302, Location, Cache-Control
//! ```
//!
//! - [`settings`]: flags, environment, file and default become [`settings::Settings`], checked before anything is bound.
//! - [`route`]: what a request gets. The whole behaviour of the product is this function.
//! - [`respond`]: what that looks like in HTTP.
//! - `client`: whose address counts as the client's.
//! - [`health`]: which of several bases are up; `watch` finds it out. `dial` connects to them.
//! - [`live`]: the settings that are in force, which [`keep`] replaces when their file changes.
//! - [`explain`]: what settings would do, told to people.
//! - [`server`]: sockets, time and signals around the two: a thread a core, limits, timeouts, drain.
//! - `connection`: what becomes of one connection; most stay in its plain lane.
//! - `documents`: with `--documents serve`, manifests and listings, fetched, checked and kept.
//! - [`sight`]: what is counted and logged of requests, and how operators read it.
//! - `objects`: with `--directory`, the objects themselves, from disk.
//!
//! What a path of the API means and where an object lives is not decided here but in [`contract`], which the
//! publisher shares: so the two cannot disagree.

mod client;
mod connection;
mod dial;
mod documents;
pub mod explain;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod health;
pub mod keep;
pub mod live;
mod objects;
pub mod respond;
pub mod route;
pub mod server;
pub mod settings;
pub mod sight;
mod watch;
