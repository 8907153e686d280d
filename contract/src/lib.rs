#![doc = include_str!("../README.md")]

pub mod api;
pub mod description;
pub mod descriptor;
pub mod digest;
pub mod key;
pub mod listing;
pub mod manifest;
pub mod manner;
pub mod media;
pub mod name;
pub mod packed;
pub mod pattern;
pub mod settings;
pub mod v1;
