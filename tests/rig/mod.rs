//! Real components for the tests: each starts on free loopback ports in a directory of its own, and is gone
//! however the test ends. A component that is not installed fails the test and says how to install it.

pub(crate) mod archive;
pub(crate) mod authority;
pub(crate) mod built;
pub(crate) mod certs;
pub(crate) mod containerd;
pub(crate) mod dist;
pub(crate) mod distribution;
pub(crate) mod dockerd;
pub(crate) mod faulty;
pub(crate) mod http;
pub(crate) mod layout;
pub(crate) mod ours;
pub(crate) mod podman;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod seaweed;
pub(crate) mod skopeo;
pub(crate) mod store;
pub(crate) mod swift;
pub(crate) mod token_service;
pub(crate) mod yaml;
