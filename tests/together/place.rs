//! The real stores, below a prefix for each trial.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Command;

use contract::key::Key;

use crate::rig::faulty::{Blow, Dialect, Proxy};
use crate::rig::ours::{Endpoint, publisher_command};
use crate::rig::seaweed::seaweed;
use crate::rig::swift::{self, swift};

/// Where it is published to.
pub(crate) enum Place {
    /// Of SeaweedFS.
    Bucket(&'static str),
    /// Of Swift.
    Container(&'static str),
}

impl Place {
    pub(crate) fn bucket(name: &'static str) -> Self {
        seaweed().create_public_bucket(name);
        Self::Bucket(name)
    }

    pub(crate) fn container(name: &'static str) -> Self {
        swift().create_public_container(name);
        Self::Container(name)
    }

    /// How many bytes go up in parts here: more than one PUT of ours carries, or more than the cluster takes in one.
    pub(crate) fn large(&self) -> usize {
        match self {
            Self::Bucket(_) => 9 << 20,
            Self::Container(_) => 5 << 19,
        }
    }

    /// `http://127.0.0.1:PORT` of the store itself.
    pub(crate) fn origin(&self) -> String {
        match self {
            Self::Bucket(_) => seaweed().url(),
            Self::Container(_) => swift().origin(),
        }
    }

    /// A proxy in front of it.
    pub(crate) fn behind(&self, blow: Option<Blow>) -> Proxy {
        let dialect = match self {
            Self::Bucket(_) => Dialect::S3,
            Self::Container(_) => Dialect::Swift,
        };
        Proxy::start(&self.origin(), dialect, blow)
    }

    /// Publishes to a prefix, by way of the server at `origin`.
    pub(crate) fn publishes(&self, source: &Path, reference: &str, prefix: &str, origin: &str) -> Command {
        let mut command = publisher_command();
        let store = match self {
            Self::Bucket(bucket) => format!("s3://{bucket}/{prefix}?endpoint={origin}&region=us-east-1"),
            Self::Container(container) => {
                let (user, key) = swift::OWNER;
                command.env("ST_AUTH", format!("{origin}/auth/v1.0")).env("ST_USER", user).env("ST_KEY", key);
                format!("swift://{container}/{prefix}")
            }
        };
        command.arg("publish").arg(source).args([reference, "--to", &store]);
        command
    }

    /// An endpoint that leads clients to a prefix, past every proxy.
    pub(crate) fn endpoint(&self, prefix: &str) -> Endpoint {
        Endpoint::to_cdn(&match self {
            Self::Bucket(bucket) => format!("{}/{bucket}/{prefix}", self.origin()),
            Self::Container(container) => format!("{}/{prefix}", swift().url(container)),
        })
    }

    /// What was begun below a prefix and never ended: uploads in parts, segments that no object lists.
    pub(crate) fn leftovers(&self, prefix: &str) -> Vec<String> {
        let root = format!("{prefix}/");
        match self {
            Self::Bucket(bucket) => seaweed().unfinished(bucket, &root),
            Self::Container(container) => orphans(container, &root),
        }
    }
}

fn orphans(container: &str, root: &str) -> Vec<String> {
    let mut segments = BTreeSet::new();
    let mut objects = BTreeSet::new();
    for name in swift().list(container, root) {
        if let Some(Key::Segment { of, .. }) = Key::parse(&name[root.len()..]) {
            objects.insert(format!("{root}{}", of.path()));
            segments.insert(name);
        }
    }
    for name in objects.iter().flat_map(|object| swift().segments(container, object)) {
        assert!(segments.remove(&name), "an object lists the segment {name}, which is not there");
    }
    segments.into_iter().collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bucket(_) => "SeaweedFS",
            Self::Container(_) => "Swift",
        })
    }
}
