//! Settings: flags, environment, a TOML file and defaults, resolved and checked once, before anything is bound.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use http::HeaderValue;

mod base;
mod error;
mod given;

pub use base::{Base, BaseError};
pub use error::SettingsError;
pub use given::{Arguments, Given, Log};

/// Everything that is decided before the first request. Made by [`resolve`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the objects are.
    pub origin: Origin,
    /// What `/v1/_ping` says in `X-Docker-Registry-Standalone`. False where an https endpoint redirects to plain http:
    /// Docker 1.7 to 17.05 would otherwise send an Authorization header to the bucket.
    pub standalone: bool,
    /// Whether `/v2/` carries `Docker-Distribution-Api-Version`.
    pub api_version_header: bool,
    /// The `Cache-Control` of a redirect.
    pub redirect_caching: HeaderValue,
    /// Seconds that caches may keep an object that changes.
    pub changing_ttl: u32,
    /// What one client, or all of them, may take.
    pub limits: Limits,
    /// How the log is written.
    pub log: Log,
}

/// Where the objects are, and with it what every redirect begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Elsewhere, at a URL.
    Cdn(Base),
    /// In a directory that we serve ourselves under [`OBJECTS`].
    Directory(PathBuf),
}

/// Where the objects of a directory are served.
pub const OBJECTS: &str = "/objects/";

impl Origin {
    /// What a redirect's `Location` begins with; the object's path follows.
    pub fn base(&self) -> &str {
        match self {
            Self::Cdn(base) => base.as_str(),
            // A path alone keeps host and scheme, whatever name the client knows us by.
            Self::Directory(_) => OBJECTS,
        }
    }
}

/// Bounds that keep one client from taking everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// From accepting a connection to the last byte of its first request's header.
    pub header: Duration,
    /// Without a further request, or a byte taken of an answer.
    pub idle: Duration,
    /// A connection's life, the answer under way excepted.
    pub total: Duration,
    /// From the signal to stop until answers under way are cut off.
    pub drain: Duration,
}

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
const MINUTE: Duration = Duration::from_secs(60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads what `arguments` name, resolves it, and looks whether the directory is there.
pub fn load(arguments: Arguments) -> Result<Settings, SettingsError> {
    let file = arguments.settings.map(read_file).transpose()?.unwrap_or_default();
    let settings = resolve(arguments.given, env::var("PORT").ok().as_deref(), file)?;
    if let Origin::Directory(path) = &settings.origin {
        fs::read_dir(path).map_err(|source| SettingsError::Directory { path: path.clone(), source })?;
    }
    Ok(settings)
}

fn read_file(path: PathBuf) -> Result<Given, SettingsError> {
    match fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text)
            .map_err(|source| SettingsError::FileInvalid { path, source: Box::new(source) }),
        Err(source) => Err(SettingsError::FileUnreadable { path, source }),
    }
}

/// Decides every setting: `given` (flags, else environment), then `port` (PORT in the environment), then `file`, then
/// the default.
pub fn resolve(given: Given, port: Option<&str>, file: Given) -> Result<Settings, SettingsError> {
    // PORT is how platforms hand out a port; it is environment, so weaker than LISTEN and stronger than a file.
    let listen = match (given.listen, port) {
        (Some(listen), _) => Some(listen),
        (None, Some(port)) => Some(any_address(port)?),
        (None, None) => None,
    };
    let given = Given { listen, ..given }.or(file);
    let limits = limits(&given)?;
    let origin = origin(given.cdn, given.directory)?;
    let public = public(given.public_url)?;
    Ok(Settings {
        listen: given.listen.unwrap_or(LISTEN),
        standalone: standalone(public.as_ref(), &origin),
        origin,
        api_version_header: given.api_version_header.unwrap_or(false),
        redirect_caching: max_age(given.redirect_ttl.unwrap_or(MINUTE)),
        changing_ttl: seconds(given.changing_ttl.unwrap_or(MINUTE)),
        limits,
        log: given.log.unwrap_or_default(),
    })
}

fn origin(cdn: Option<String>, directory: Option<PathBuf>) -> Result<Origin, SettingsError> {
    match (cdn, directory) {
        (None, None) => Err(SettingsError::NoOrigin),
        (Some(_), Some(_)) => Err(SettingsError::TwoOrigins),
        (None, Some(directory)) => Ok(Origin::Directory(directory)),
        (Some(given), None) => match Base::parse(&given) {
            Ok(base) => Ok(Origin::Cdn(base)),
            Err(source) => Err(SettingsError::Cdn { given, source }),
        },
    }
}

fn public(given: Option<String>) -> Result<Option<Base>, SettingsError> {
    let Some(given) = given else { return Ok(None) };
    match Base::parse(&given) {
        Ok(base) => Ok(Some(base)),
        Err(source) => Err(SettingsError::PublicUrl { given, source }),
    }
}

fn limits(given: &Given) -> Result<Limits, SettingsError> {
    Ok(Limits {
        connections: at_least_one("max-connections", given.max_connections.unwrap_or(1000))?,
        header: lasting("header-timeout", given.header_timeout.unwrap_or(Duration::from_secs(10)))?,
        idle: lasting("idle-timeout", given.idle_timeout.unwrap_or(MINUTE))?,
        total: lasting("total-timeout", given.total_timeout.unwrap_or(10 * MINUTE))?,
        // Below the 30 seconds that Kubernetes grants between SIGTERM and SIGKILL.
        drain: given.drain.unwrap_or(Duration::from_secs(20)),
    })
}

fn any_address(port: &str) -> Result<SocketAddr, SettingsError> {
    let number = port.parse().map_err(|_| SettingsError::Port(port.to_owned()))?;
    Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, number)))
}

fn standalone(public: Option<&Base>, origin: &Origin) -> bool {
    let https = public.is_some_and(Base::is_https);
    match origin {
        Origin::Cdn(base) => base.is_https() || !https,
        Origin::Directory(_) => true,
    }
}

fn max_age(ttl: Duration) -> HeaderValue {
    let text = format!("public, max-age={}", seconds(ttl));
    HeaderValue::try_from(text).expect("ASCII letters and digits are a header's value")
}

/// Whole seconds, as HTTP's caches count; RFC 9111 §1.2.2 has 2^31 stand for all that is longer.
fn seconds(ttl: Duration) -> u32 {
    ttl.as_secs().min(1 << 31) as u32
}

/// Not so long that adding it to a clock overflows.
fn lasting(name: &'static str, time: Duration) -> Result<Duration, SettingsError> {
    if time.is_zero() { Err(SettingsError::Zero(name)) } else { Ok(time.min(YEAR)) }
}

fn at_least_one(name: &'static str, number: usize) -> Result<usize, SettingsError> {
    if number == 0 { Err(SettingsError::Zero(name)) } else { Ok(number) }
}

#[cfg(test)]
mod tests;
