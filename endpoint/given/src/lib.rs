//! What can be set of the endpoint: every flag with its environment variable and help, which is also every key of the
//! settings file. What it amounts to is decided elsewhere.
//!
//! A crate of its own, since what reads it is a tenth of the endpoint and runs once: it is compiled for size alone.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use http::Method;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

mod file;

pub use file::{ClientHeader, DefaultGiven, FromGiven, NetworkTables, RouteGiven, WatchGiven};

/// The name in `docker pull registry.example.com/acme/app`.
///
/// Answers /v1/_ping and /v2/ itself and sends clients to a CDN, by a redirect, for everything else. It keeps no
/// state: run it anywhere, as many times as you like.
#[derive(Clone, Debug, Parser)]
#[command(name = "registry-endpoint", version, after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// A TOML file with settings; its keys are the flags below without their dashes, and those told at the end. It is
    /// read again on SIGHUP and when it changes
    #[arg(long, env = "ENDPOINT_SETTINGS", value_name = "FILE")]
    pub settings: Option<PathBuf>,

    /// All other flags.
    #[command(flatten)]
    pub given: Given,
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Read a settings file and say whether it can be served with. Flags and environment are not looked at
    Check {
        /// The settings file
        file: PathBuf,
    },
    /// Print what a request would be answered with the settings of a file, and why
    Route(RouteArguments),
}

/// A request to be explained.
#[derive(Clone, Debug, Args)]
pub struct RouteArguments {
    /// The settings file
    pub file: PathBuf,

    /// The request's method
    pub method: Method,

    /// The request's path, with its query if it has one: /v2/acme/app/manifests/1.0
    pub path: String,

    /// The client's address
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,

    /// A base that is down; may be given several times
    #[arg(long, value_name = "URL")]
    pub down: Vec<String>,
}

const SERVE: &str = "What to serve (one of the two)";
const ANSWER: &str = "How to answer";
const CONNECT: &str = "How clients connect";
const LIMITS: &str = "Limits";
const SIGHT: &str = "What can be seen of it";

const AFTER_HELP: &str = "\
A flag wins over its environment variable, that over the settings file, that over the default.
Durations are written 500ms, 90s, 5m or 1h. RUST_LOG=debug logs every request.

Only the settings file can say (README, \"Federation\"):
  [[route]]                 where repositories below a prefix are; the longest prefix wins
    prefix = \"acme\"           whole segments: acme and acme/app, not acmeother
    cdn = [URL, ...]          bases, the preferred one first; or
    registry = URL            another registry, to which requests are redirected as they are
    origin = URL              with documents = \"serve\": where its documents are fetched, instead of cdn
    rewrite = \"other\"         what stands in the prefix's place there
  [[route.from]]            other bases for some clients
    networks = [...]          addresses, blocks, names of [networks]; the smallest block decides
    cdn = [URL, ...]
  [default]                 what is under no route, instead of cdn: cdn, registry, [[default.from]]
  [networks]                networks by name: office = [\"192.0.2.0/24\"]
  [watch]                   interval, timeout, failures, successes, object, ca: when a base is down
  client-header = \"...\"     how trusted proxies tell the client's address: x-forwarded-for (default) or forwarded

SIGHUP, or a changed file, loads the settings whole, or not at all with an error in the log. No connection is dropped.

Exit codes: 0 stopped as asked, 1 failed, 2 wrong flags or settings.

Examples:
  registry-endpoint --cdn https://cdn.example.com/prefix --listen 0.0.0.0:5000
  registry-endpoint --directory ./bucket
  registry-endpoint check endpoint.toml
  registry-endpoint route endpoint.toml GET /v2/acme/app/manifests/1.0 --from 10.1.2.3";

/// What one source of settings says. Nothing of it is checked against the rest, and all of it may be absent.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Given {
    /// Where the bucket is served to the public: the absolute http(s) URL that an object's path is put behind
    #[arg(long, env = "CDN_URL", value_name = "URL", help_heading = SERVE)]
    pub cdn: Option<String>,

    /// Serve the objects of this directory too, under /objects/: a whole registry in one process, for trying and for
    /// small sites
    #[arg(
        long,
        env = "ENDPOINT_DIRECTORY",
        value_name = "DIR",
        help_heading = SERVE
    )]
    pub directory: Option<PathBuf>,

    /// The address and port to listen on. Where it is not given but PORT is in the environment, 0.0.0.0:PORT
    /// [default: 127.0.0.1:5000]
    #[arg(long, env = "LISTEN", value_name = "ADDRESS", help_heading = ANSWER)]
    pub listen: Option<SocketAddr>,

    /// The URL by which clients know this endpoint. Matters where it is https (something before us ends TLS) while the
    /// CDN is plain http: old Docker must then be told to keep its credentials to itself
    #[arg(long, env = "ENDPOINT_PUBLIC_URL", value_name = "URL", help_heading = ANSWER)]
    pub public_url: Option<String>,

    /// Send Docker-Distribution-Api-Version on /v2/. With it, Docker 1.10 to 17.05 cannot pull an image that is only
    /// there for v1; without it, no client is known to fail [default: false]
    #[arg(long, env = "ENDPOINT_API_VERSION_HEADER", value_name = "BOOL", help_heading = ANSWER)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub api_version_header: Option<bool>,

    /// How long caches may keep a redirect [default: 60s]
    #[arg(long, env = "ENDPOINT_REDIRECT_TTL", value_name = "TIME", help_heading = ANSWER)]
    #[arg(value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub redirect_ttl: Option<Duration>,

    /// With --directory, and with --documents serve: how long caches, ours among them, may keep what changes, such as a
    /// tag or a list [default: 60s]
    #[arg(long, env = "ENDPOINT_CHANGING_TTL", value_name = "TIME", help_heading = ANSWER)]
    #[arg(value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub changing_ttl: Option<Duration>,

    /// Who answers with manifests, tag lists and other small documents: the CDN, to which clients are redirected, or the
    /// endpoint, which fetches, checks and keeps them. Layers come from the CDN in any case [default: redirect]
    #[arg(long, env = "ENDPOINT_DOCUMENTS", value_name = "HOW", help_heading = ANSWER)]
    pub documents: Option<Documents>,

    /// With --documents serve: where to fetch documents, where that is not the CDN but, for instance, the bucket
    #[arg(long, env = "ENDPOINT_ORIGIN", value_name = "URL", help_heading = ANSWER)]
    pub origin: Option<String>,

    /// With --documents serve: how long a document may take to come from the origin [default: 10s]
    #[arg(long, env = "ENDPOINT_ORIGIN_TIMEOUT", value_name = "TIME", help_heading = LIMITS)]
    #[arg(value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub origin_timeout: Option<Duration>,

    /// With --documents serve: how much memory documents may be kept in [default: 32]
    #[arg(long, env = "ENDPOINT_DOCUMENT_CACHE", value_name = "MIB", help_heading = LIMITS)]
    pub document_cache: Option<u32>,
    /// The TLS certificate to show to clients, and those between it and its authority: a PEM file. With it connections
    /// are TLS, of HTTP/1.1 or HTTP/2. It and the two below are read again on SIGHUP and when they change
    #[arg(long, env = "ENDPOINT_TLS_CERT", value_name = "FILE", help_heading = CONNECT)]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key, not encrypted: a PEM file
    #[arg(long, env = "ENDPOINT_TLS_KEY", value_name = "FILE", help_heading = CONNECT)]
    pub tls_key: Option<PathBuf>,

    /// Serve only clients with a certificate of one of these authorities: a PEM file
    #[arg(long, env = "ENDPOINT_TLS_CLIENT_CA", value_name = "FILE", help_heading = CONNECT)]
    pub tls_client_ca: Option<PathBuf>,

    /// Addresses and networks of proxies before us whose word counts about the client's address; in the file names of
    /// `networks` too
    #[arg(long, env = "ENDPOINT_TRUSTED_PROXIES", value_name = "NETWORK", help_heading = CONNECT)]
    #[arg(value_delimiter = ',')]
    pub trusted_proxies: Vec<String>,

    /// Trusted proxies begin each connection with the PROXY protocol, version 1 or 2, before TLS; one that does not is
    /// closed. Others connect without it [default: false]
    #[arg(long, env = "ENDPOINT_PROXY_PROTOCOL", value_name = "BOOL", help_heading = CONNECT)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub proxy_protocol: Option<bool>,

    /// Connections at a time; more wait in the kernel's queue. Each takes a file descriptor, and one more while
    /// --directory sends it a file: mind `ulimit -n` [default: 1000]
    #[arg(long, env = "ENDPOINT_MAX_CONNECTIONS", value_name = "NUMBER", help_heading = LIMITS)]
    pub max_connections: Option<usize>,

    /// Connections of one client at a time: of an IPv4 address, of an IPv6 network of 64 bits. One more is closed at
    /// once. Trusted proxies may have any number [default: any number]
    #[arg(long, env = "ENDPOINT_MAX_CONNECTIONS_PER_CLIENT", value_name = "NUMBER", help_heading = LIMITS)]
    pub max_connections_per_client: Option<usize>,

    /// How long a new connection may take to send its first request, TLS included [default: 10s]
    #[arg(long, env = "ENDPOINT_HEADER_TIMEOUT", value_name = "TIME", help_heading = LIMITS)]
    #[arg(value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub header_timeout: Option<Duration>,

    /// How long a connection may go on without a further request, or without reading its answer [default: 60s]
    #[arg(long, env = "ENDPOINT_IDLE_TIMEOUT", value_name = "TIME", help_heading = LIMITS)]
    #[arg(value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub idle_timeout: Option<Duration>,

    /// How long a connection may live. It is then closed after the answer under way, which may still take its time
    /// [default: 10m]
    #[arg(long, env = "ENDPOINT_TOTAL_TIMEOUT", value_name = "TIME", help_heading = LIMITS)]
    #[arg(value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub total_timeout: Option<Duration>,

    /// On SIGTERM or SIGINT: how long to wait for answers under way before cutting them off [default: 20s]
    #[arg(long, env = "ENDPOINT_DRAIN", value_name = "TIME", help_heading = LIMITS)]
    #[arg(value_parser = humantime::parse_duration)]
    #[serde(deserialize_with = "duration")]
    pub drain: Option<Duration>,

    /// Where to listen for those who watch over it: /metrics for Prometheus, /healthz, /readyz. An address that clients
    /// do not reach; off without it
    #[arg(long, env = "ENDPOINT_ADMIN", value_name = "ADDRESS", help_heading = SIGHT)]
    pub admin: Option<SocketAddr>,

    /// Write a line for each request to standard output, in this format. Lines are dropped, and counted in the metrics,
    /// where nobody takes them in time; off without it
    #[arg(long, env = "ENDPOINT_ACCESS_LOG", value_name = "FORMAT", help_heading = SIGHT)]
    pub access_log: Option<Log>,

    /// With --access-log: a line for one request in so many [default: 1]
    #[arg(long, env = "ENDPOINT_ACCESS_LOG_SAMPLE", value_name = "NUMBER", help_heading = SIGHT)]
    pub access_log_sample: Option<u64>,

    /// How to write the log, to standard error [default: text]
    #[arg(long, env = "ENDPOINT_LOG", value_name = "FORMAT")]
    pub log: Option<Log>,

    /// What is under no route: instead of `cdn` and `directory`, where these cannot say it.
    #[arg(skip)]
    pub default: Option<DefaultGiven>,

    /// Where the repositories below a prefix are.
    #[arg(skip)]
    pub route: Vec<RouteGiven>,

    /// Networks by name.
    #[arg(skip)]
    pub networks: NetworkTables,

    /// The header in which trusted proxies tell the client's address.
    #[arg(skip)]
    pub client_header: Option<ClientHeader>,

    /// When a base is down.
    #[arg(skip)]
    pub watch: WatchGiven,
}

/// Who answers with manifests and listings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Documents {
    /// The CDN, to which clients are redirected.
    #[default]
    Redirect,
    /// We ourselves, who fetch, check and keep them.
    Serve,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Log {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl Arguments {
    /// Reads flags, and the environment for those that are absent.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::read_all(arguments.into_iter().collect())
    }

    /// For no type but this, so that it is compiled here.
    fn read_all(arguments: Vec<OsString>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(arguments)?;
        let mut read = Self::from_arg_matches(&matches)?;
        // clap merges flag and environment one by one, but these two are one choice.
        match (is_flag(&matches, "cdn"), is_flag(&matches, "directory")) {
            (true, false) => read.given.directory = None,
            (false, true) => read.given.cdn = None,
            (true, true) | (false, false) => {}
        }
        Ok(read)
    }
}

fn is_flag(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

impl Given {
    /// Reads a settings file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// What `self` says, and `weaker` where it says nothing.
    pub fn or(self, weaker: Self) -> Self {
        let chosen = self.cdn.is_some() || self.directory.is_some() || self.default.is_some();
        let (cdn, directory, default) = if chosen {
            (self.cdn, self.directory, self.default)
        } else {
            (weaker.cdn, weaker.directory, weaker.default)
        };
        Self {
            cdn,
            directory,
            default,
            listen: self.listen.or(weaker.listen),
            public_url: self.public_url.or(weaker.public_url),
            api_version_header: self.api_version_header.or(weaker.api_version_header),
            redirect_ttl: self.redirect_ttl.or(weaker.redirect_ttl),
            changing_ttl: self.changing_ttl.or(weaker.changing_ttl),
            documents: self.documents.or(weaker.documents),
            origin: self.origin.or(weaker.origin),
            origin_timeout: self.origin_timeout.or(weaker.origin_timeout),
            document_cache: self.document_cache.or(weaker.document_cache),
            tls_cert: self.tls_cert.or(weaker.tls_cert),
            tls_key: self.tls_key.or(weaker.tls_key),
            tls_client_ca: self.tls_client_ca.or(weaker.tls_client_ca),
            proxy_protocol: self.proxy_protocol.or(weaker.proxy_protocol),
            max_connections_per_client: self.max_connections_per_client.or(weaker.max_connections_per_client),
            max_connections: self.max_connections.or(weaker.max_connections),
            header_timeout: self.header_timeout.or(weaker.header_timeout),
            idle_timeout: self.idle_timeout.or(weaker.idle_timeout),
            total_timeout: self.total_timeout.or(weaker.total_timeout),
            drain: self.drain.or(weaker.drain),
            admin: self.admin.or(weaker.admin),
            access_log: self.access_log.or(weaker.access_log),
            access_log_sample: self.access_log_sample.or(weaker.access_log_sample),
            log: self.log.or(weaker.log),
            // The rest can only be said by one source, the file.
            route: either(self.route, weaker.route),
            networks: if self.networks.is_empty() { weaker.networks } else { self.networks },
            trusted_proxies: either(self.trusted_proxies, weaker.trusted_proxies),
            client_header: self.client_header.or(weaker.client_header),
            watch: WatchGiven {
                interval: self.watch.interval.or(weaker.watch.interval),
                timeout: self.watch.timeout.or(weaker.watch.timeout),
                failures: self.watch.failures.or(weaker.watch.failures),
                successes: self.watch.successes.or(weaker.watch.successes),
                object: self.watch.object.or(weaker.watch.object),
                ca: self.watch.ca.or(weaker.watch.ca),
            },
        }
    }
}

fn either<T>(strong: Vec<T>, weak: Vec<T>) -> Vec<T> {
    if strong.is_empty() { weak } else { strong }
}

fn duration<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(value)?;
    humantime::parse_duration(&text).map(Some).map_err(D::Error::custom)
}
