//! Settings: flags, environment, a TOML file and defaults, resolved and checked once, before anything is bound.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use contract::key::Key;
use http::HeaderValue;
use rustls::pki_types::CertificateDer;

mod authorities;
mod base;
mod documents;
mod error;
mod networks;
mod routes;
mod tls;

pub use authorities::AuthoritiesError;
pub use base::{Base, BaseError};
pub use documents::Served;
pub use error::SettingsError;
pub use given::{
    Arguments, ClientHeader, Command, DefaultGiven, Documents, FromGiven, Given, Log, NetworkTables,
    RouteArguments, RouteGiven, WatchGiven,
};
pub use networks::NetworkError;
pub(crate) use networks::Networks;
pub(crate) use routes::BaseId;
pub use routes::{Choice, OBJECTS, Route, RouteError, Routes, Target};
pub use tls::{Tls, TlsError, TlsFiles};

/// Everything that is decided before the first request. Made by [`resolve`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the objects are.
    pub routes: Routes,
    /// Whether any answer depends on the client's address.
    pub(crate) by_client: bool,
    /// How it is found out which of several bases are up.
    pub watch: Watch,
    /// Whose word counts about a client's address.
    pub proxies: Proxies,
    /// TLS of our own; without it connections begin in plain.
    pub tls: Option<Arc<Tls>>,
    /// Whether trusted proxies begin each connection by telling whom it is of.
    pub(crate) proxy_protocol: bool,
    /// The URL by which clients know this endpoint, where it was told.
    pub public: Option<Base>,
    /// What `/v1/_ping` says in `X-Docker-Registry-Standalone`. False where an https endpoint redirects to plain http:
    /// Docker 1.7 to 17.05 would otherwise send an Authorization header to the bucket.
    pub standalone: bool,
    /// Whether `/v2/` carries `Docker-Distribution-Api-Version`.
    pub api_version_header: bool,
    /// The `Cache-Control` of a redirect.
    pub redirect_caching: HeaderValue,
    /// Seconds that caches may keep an object that changes.
    pub changing_ttl: u32,
    /// How documents are served; `None` where clients are redirected to them.
    pub documents: Option<Served>,
    /// What one client, or all of them, may take.
    pub limits: Limits,
    /// Where to listen for those who watch over it.
    pub admin: Option<SocketAddr>,
    /// How requests are logged, where they are.
    pub access_log: Option<AccessLog>,
    /// How the log is written.
    pub log: Log,
    /// The text of the file that they were read from; empty without one.
    pub text: String,
}

/// How requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// How a line is written.
    pub format: Log,
    /// One request in so many gets one.
    pub sample: NonZero<u64>,
}

/// How it is found out which of several bases are up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// From one look at a base to the next.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Looks without an answer, one after the other, until a base is down.
    pub failures: u32,
    /// Looks with one until it is up again.
    pub successes: u32,
    /// What is asked for, by its path below the base.
    pub object: String,
    /// A file with authorities that are trusted beside the bundled ones.
    pub ca: Option<PathBuf>,
    /// The authorities that are in it.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// Proxies before us that tell the client's address.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Whose word counts.
    pub(crate) trusted: Networks<()>,
    /// In which header they tell it.
    pub(crate) header: ClientHeader,
}

/// Bounds that keep one client from taking everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one client at a time.
    pub per_client: Option<usize>,
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

/// Reads what `arguments` name, resolves it, and reads what that names.
pub fn load(arguments: Arguments) -> Result<Settings, SettingsError> {
    let text = arguments.settings.as_deref().map(read).transpose()?.unwrap_or_default();
    let file = match &arguments.settings {
        Some(path) => parse(path, &text)?,
        None => Given::default(),
    };
    let settings = resolve(arguments.given, env::var("PORT").ok().as_deref(), file)?;
    with_files(settings, text)
}

/// Reads a settings file that says everything by itself, whatever the environment is here.
pub fn load_file(path: &Path) -> Result<Settings, SettingsError> {
    let text = read(path)?;
    let settings = resolve(Given::default(), None, parse(path, &text)?)?;
    with_files(settings, text)
}

fn read(path: &Path) -> Result<String, SettingsError> {
    fs::read_to_string(path).map_err(|source| SettingsError::FileUnreadable { path: path.to_owned(), source })
}

fn parse(path: &Path, text: &str) -> Result<Given, SettingsError> {
    Given::parse(text)
        .map_err(|source| SettingsError::FileInvalid { path: path.to_owned(), source: Box::new(source) })
}

/// Reads what the settings name, and looks whether the directory is there.
fn with_files(mut settings: Settings, text: String) -> Result<Settings, SettingsError> {
    if let Some(path) = settings.routes.directory() {
        fs::read_dir(path).map_err(|source| SettingsError::Directory { path: path.to_owned(), source })?;
    }
    if let Some(path) = &settings.watch.ca {
        settings.watch.authorities = authorities::read(path)
            .map_err(|source| SettingsError::Authorities { path: path.clone(), source })?;
        if let Some(documents) = &mut settings.documents {
            documents.authorities.clone_from(&settings.watch.authorities);
        }
    }
    settings.tls = settings.tls.as_deref().map(Tls::read).transpose()?.map(Arc::new);
    settings.text = text;
    Ok(settings)
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
    let documents = documents::served(&given)?;
    let access_log = access_log(&given)?;
    let watch = watch(given.watch)?;
    let proxies = proxies(&given.trusted_proxies, &given.networks, given.client_header)?;
    let proxy_protocol = given.proxy_protocol.unwrap_or(false);
    if proxy_protocol && given.trusted_proxies.is_empty() {
        return Err(SettingsError::NobodyTrusted);
    }
    let tls =
        TlsFiles::given(given.tls_cert, given.tls_key, given.tls_client_ca)?.map(Tls::unread).map(Arc::new);
    let public = public(given.public_url)?;
    let routes = routes::routes(routes::Parts {
        cdn: given.cdn,
        directory: given.directory,
        default: given.default,
        routes: &given.route,
        networks: &given.networks,
        public: public.as_ref(),
        origin: documents::origin(given.origin.as_deref())?,
    })?;
    Ok(Settings {
        listen: given.listen.unwrap_or(LISTEN),
        // Docker reads it once, for whatever is pulled later: one redirect to plain http is enough.
        standalone: !(public.as_ref().map_or(tls.is_some(), Base::is_https) && routes.any_plain()),
        by_client: routes.by_client(),
        public,
        routes,
        watch,
        proxies,
        tls,
        proxy_protocol,
        api_version_header: given.api_version_header.unwrap_or(false),
        redirect_caching: max_age(given.redirect_ttl.unwrap_or(MINUTE)),
        changing_ttl: seconds(given.changing_ttl.unwrap_or(MINUTE)),
        documents,
        limits,
        admin: given.admin,
        access_log,
        log: given.log.unwrap_or_default(),
        text: String::new(),
    })
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
        per_client: given
            .max_connections_per_client
            .map(|most| at_least_one("max-connections-per-client", most))
            .transpose()?,
        header: lasting("header-timeout", given.header_timeout.unwrap_or(Duration::from_secs(10)))?,
        idle: lasting("idle-timeout", given.idle_timeout.unwrap_or(MINUTE))?,
        total: lasting("total-timeout", given.total_timeout.unwrap_or(10 * MINUTE))?,
        // Below the 30 seconds that Kubernetes grants between SIGTERM and SIGKILL.
        drain: given.drain.unwrap_or(Duration::from_secs(20)),
    })
}

fn access_log(given: &Given) -> Result<Option<AccessLog>, SettingsError> {
    let sample = NonZero::new(given.access_log_sample.unwrap_or(1));
    let sample = sample.ok_or(SettingsError::Zero("access-log-sample"))?;
    Ok(given.access_log.map(|format| AccessLog { format, sample }))
}

fn any_address(port: &str) -> Result<SocketAddr, SettingsError> {
    let number = port.parse().map_err(|_| SettingsError::Port(port.to_owned()))?;
    Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, number)))
}

fn watch(given: WatchGiven) -> Result<Watch, SettingsError> {
    let object = given.object.unwrap_or_else(|| Key::Catalog.path());
    match base::check_path(&object) {
        Ok(()) if !object.starts_with('/') => {}
        Ok(()) | Err(_) => return Err(SettingsError::WatchedObject(object)),
    }
    Ok(Watch {
        interval: lasting("watch.interval", given.interval.unwrap_or(Duration::from_secs(10)))?,
        timeout: lasting("watch.timeout", given.timeout.unwrap_or(Duration::from_secs(5)))?,
        failures: at_least_one("watch.failures", given.failures.unwrap_or(3))?,
        successes: at_least_one("watch.successes", given.successes.unwrap_or(2))?,
        object,
        ca: given.ca,
        authorities: Vec::new(),
    })
}

fn proxies(
    trusted: &[String],
    tables: &NetworkTables,
    header: Option<ClientHeader>,
) -> Result<Proxies, SettingsError> {
    // A table that nobody uses is read too: it will be used one day.
    for block in tables.values().flatten() {
        networks::parse(block).map_err(SettingsError::Network)?;
    }
    let mut proxies = Proxies { header: header.unwrap_or_default(), ..Proxies::default() };
    proxies.trusted.add(trusted, tables, ()).map_err(SettingsError::TrustedProxies)?;
    Ok(proxies)
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

fn at_least_one<N: Default + PartialEq>(name: &'static str, number: N) -> Result<N, SettingsError> {
    if number == N::default() { Err(SettingsError::Zero(name)) } else { Ok(number) }
}

#[cfg(test)]
mod tests;
