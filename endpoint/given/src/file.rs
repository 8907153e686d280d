//! What only the settings file can say: routes, networks and how bases are watched, as it is written there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::duration;

/// Networks by name: `[networks]`, each an address (`192.0.2.1`) or a block of them (`192.0.2.0/24`).
pub type NetworkTables = BTreeMap<String, Vec<String>>;

/// `[default]`: what is not under a route.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DefaultGiven {
    /// The CDN bases, the preferred one first.
    #[serde(deserialize_with = "one_or_more")]
    pub cdn: Option<Vec<String>>,
    /// The registry that is redirected to.
    pub registry: Option<String>,
    /// Other bases for some clients.
    pub from: Vec<FromGiven>,
}

/// `[[route]]`: where the repositories below a prefix are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouteGiven {
    /// The first segments of the repositories' names: `acme` is that of `acme`, `acme/app` and `acme/web/app`.
    pub prefix: String,
    /// What stands in the prefix's place there. Empty: the prefix is left out.
    pub rewrite: Option<String>,
    /// The CDN bases, the preferred one first.
    #[serde(default, deserialize_with = "one_or_more")]
    pub cdn: Option<Vec<String>>,
    /// The registry that is redirected to.
    pub registry: Option<String>,
    /// Where documents are fetched that are served, if not from the CDN.
    pub origin: Option<String>,
    /// Other bases for some clients.
    #[serde(default)]
    pub from: Vec<FromGiven>,
}

/// `[[route.from]]`, `[[default.from]]`: the bases of clients with these addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FromGiven {
    /// Names of `[networks]`, addresses and blocks of them. The smallest block that an address is in decides.
    pub networks: Vec<String>,
    /// The CDN bases, the preferred one first.
    #[serde(deserialize_with = "one_or_more")]
    pub cdn: Option<Vec<String>>,
}

/// `[watch]`: when a base is down and when it is up again.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct WatchGiven {
    /// From one look at a base to the next. 10 seconds without it.
    #[serde(deserialize_with = "duration")]
    pub interval: Option<Duration>,
    /// How long an answer may take. 5 seconds without it.
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
    /// Looks without an answer, one after the other, until a base is down. 3 without it.
    pub failures: Option<u32>,
    /// Looks with one until it is up again. 2 without it.
    pub successes: Option<u32>,
    /// What is asked for, by its path below a base. The catalog without it.
    pub object: Option<String>,
    /// A PEM file with authorities to trust beside the bundled ones, for bases with certificates of one's own.
    pub ca: Option<PathBuf>,
}

/// Which header the trusted proxies write the client's address into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientHeader {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
}

fn one_or_more<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a URL or a list of URLs")]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(Some(match OneOrMore::deserialize(value)? {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    }))
}
