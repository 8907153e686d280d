//! Publishes container images into a public bucket: a source is opened as an image, a plan says what is written in
//! which order, a store takes it.
//!
//! The way of one image is [`source::open`] → [`image::Image`] → [`publish::prepare`] → [`plan::Plan`] →
//! [`publish::publish`] → [`store::Store`]. The command line is [`cli`] and [`command`].

mod activity;
pub mod ahead;
pub mod announce;
pub mod apply;
mod claim;
pub mod cli;
pub mod collect;
pub mod command;
pub mod content;
pub mod copy;
pub mod derive;
mod describe;
pub mod failure;
mod found;
pub mod grace;
pub mod history;
pub mod image;
pub mod immutable;
pub mod join;
pub mod listings;
pub mod look;
pub mod mirror;
pub mod plan;
pub mod progress;
pub mod prove;
pub mod publish;
pub mod rate;
mod reading;
pub mod relist;
pub mod remembered;
pub mod remove;
pub mod report;
pub mod retain;
mod secure;
pub mod settings;
pub mod source;
pub mod store;
pub mod stored;
pub mod survey;
pub mod through;
pub mod v1_chain;
pub mod verify;
