//! Every flag and its help, and nothing else. Which wins over what is in `settings.rs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use contract::manner::{Encryption, Word};
use contract::name::Repository;
use contract::pattern::TagPattern;

use crate::rate::Rate;
use crate::store::Location;

mod copy;
mod environment;
mod gc;
mod history;
mod join;
mod mirror;
mod publish;
mod retain;
mod shell;

pub use copy::Copy;
pub use gc::Gc;
pub use history::{History, Rollback};
pub use join::Join;
pub use mirror::Mirror;
pub use publish::{Fixed, FromRegistry, Layers, OfV1, Publish};
pub use retain::Retain;
pub use shell::{Completions, Man};

/// Publishes container images into a public bucket, as plain objects that every container client pulls through
/// registry-endpoint.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// For every command
    #[command(flatten)]
    pub global: Global,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// A TOML file with settings; flags and environment win over it
    #[arg(long, global = true, value_name = "FILE", env = "REGISTRY_PUBLISHER_SETTINGS")]
    pub settings: Option<PathBuf>,
    /// How results are printed on standard output
    #[arg(long, global = true, value_enum, env = "REGISTRY_PUBLISHER_FORMAT")]
    pub format: Option<Format>,
    /// No progress and no summary on standard error; errors and warnings stay
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// How many blobs are sent, or repositories gone through, at the same time [default: 4]
    #[arg(long, global = true, value_name = "N", env = "REGISTRY_PUBLISHER_JOBS")]
    pub jobs: Option<usize>,
    /// How long caches may keep what changes: tags and lists [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration,
          env = "REGISTRY_PUBLISHER_CHANGING_TTL")]
    pub changing_ttl: Option<Duration>,
    /// How long a store may take to answer, and content may stand still; requests that carry much get more in
    /// proportion [default: 60s]
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration,
          env = "REGISTRY_PUBLISHER_REQUEST_TIMEOUT")]
    pub request_timeout: Option<Duration>,
    /// When to give up, counted from the start [default: never]
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration,
          env = "REGISTRY_PUBLISHER_DEADLINE")]
    pub deadline: Option<Duration>,
    /// How many bytes of content are sent per second at most, by all uploads together: 500K, 10M, 1G, powers of 1024
    /// [default: no limit]
    #[arg(long, global = true, value_name = "RATE", env = "REGISTRY_PUBLISHER_LIMIT_RATE")]
    pub limit_rate: Option<Rate>,
    /// In which manner objects are kept in S3
    #[command(flatten)]
    pub s3: S3,
    /// Which image of a multi-platform one old Docker (Registry v1) gets [default: linux/amd64]
    #[arg(long, global = true, value_name = "OS/ARCH", env = "REGISTRY_PUBLISHER_V1_PLATFORM")]
    pub v1_platform: Option<String>,
    /// What is logged to standard error, as RUST_LOG has it: debug, registry_publisher=trace [default: off]
    #[arg(long, global = true, value_name = "FILTER", env = "REGISTRY_PUBLISHER_LOG")]
    pub log: Option<String>,
}

/// Flags of stores in S3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "S3")]
pub struct S3 {
    /// Encryption at the store: `AES256`, `aws:kms`, `aws:kms=KEY` [default: as the bucket has it]
    #[arg(long, global = true, value_name = "HOW", env = "REGISTRY_PUBLISHER_S3_ENCRYPTION")]
    pub s3_encryption: Option<Encryption>,
    /// The storage class of what is written: `INTELLIGENT_TIERING` [default: as the bucket has it]
    #[arg(long, global = true, value_name = "CLASS", env = "REGISTRY_PUBLISHER_S3_STORAGE_CLASS")]
    pub s3_storage_class: Option<Word>,
    /// The canned ACL of what is written, where objects need one to be public: `public-read` [default: none]
    #[arg(long, global = true, value_name = "ACL", env = "REGISTRY_PUBLISHER_S3_ACL")]
    pub s3_acl: Option<Word>,
    /// Pay for requests to a bucket whose owner does not
    #[arg(long, global = true, env = "REGISTRY_PUBLISHER_S3_REQUESTER_PAYS", num_args = 0..=1,
          default_missing_value = "true")]
    pub s3_requester_pays: Option<bool>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people and shells
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a store: the bucket, container or directory, readable by everybody, with its settings
    ///
    /// Proves by requests without credentials that clients can read it, and prints the URL for registry-endpoint
    /// --cdn. Run again, it changes the settings that are given and leaves everything else.
    Init(Init),
    /// Publish an image under one or more references
    Publish(Publish),
    /// Keep repositories of other registries in a store, with all that refers to their images
    ///
    /// A tag that points where it does at its source costs one request there; blobs that are in the store are not
    /// fetched. Prints a line for each tag that was copied; fails at its end where some could not be.
    Mirror(Mirror),
    /// Show the repositories of a store, or the tags of one
    List(List),
    /// Show what an image is made of, and what it shares with other repositories
    Inspect(Inspect),
    /// Give an image that is in a store further names, in its repository or in another one
    Tag(Tag),
    /// Show where a tag points and has pointed, the latest first
    ///
    /// With the time at which it was last moved there, by the store's clock. What is no longer there is shown as gone.
    History(History),
    /// Move a tag back to where it pointed before, or to another manifest of its history
    ///
    /// Done twice, it is where it was. Immutable tags are not moved.
    Rollback(Rollback),
    /// Make one image index out of images that were published apart, each for its platform
    ///
    /// The platforms are those of their configs. The same images in the same order make the same index.
    Join(Join),
    /// Remove a tag, or a manifest with all its tags
    ///
    /// Contents stay, since other repositories may share them.
    Remove(Remove),
    /// Show which tags of a store, or of one of its repositories, would stay by these rules; with --remove, remove the
    /// others
    ///
    /// A tag stays that any rule keeps. Its age is how long it has pointed where it points, by the store's clock, since
    /// an image's own date says nothing of that. Immutable tags stay, and signatures (tags like `sha256-….sig`) of what
    /// stays. Contents stay, since other repositories may share them.
    Retain(Retain),
    /// See whether all that is in a store, or in one of its repositories, is there, right, and agrees
    ///
    /// Prints one line for each finding: which object, what is wrong, what to do about it. Notices hinder no pull. Fails
    /// where there is more than notices. With --through it looks where a pull fails: at the endpoint, the CDN, and what
    /// they make of the store.
    Verify(Verify),
    /// Remove what nothing names any longer and is older than the grace: images without a tag, their contents
    ///
    /// Publishers may run meanwhile. Stays what a tag names, what was published by digest alone, what is a part of such
    /// an image or refers to it, and whatever is younger than the grace that the store says (`init --grace`, 24h where it
    /// says nothing). Unfinished uploads of that age are ended, too.
    Gc(Gc),
    /// Make views, lists and the catalog of a store anew from its links
    ///
    /// For a bucket that a `distribution` registry wrote, and after a publisher died in the middle. Publishers may run
    /// meanwhile.
    Relist(Relist),
    /// Copy all repositories, or one, from a store to another: for a second region, or a move
    ///
    /// Sends only what the other store lacks, verified on its way, tags last; signatures and what tags pointed to before
    /// come along. It can be stopped and run again. Tags that are immutable there stay; nothing is removed there.
    Copy(Copy),
    /// Print completions for a shell: `registry-publisher completions bash >
    /// /etc/bash_completion.d/registry-publisher`
    Completions(Completions),
    /// Print the manual page, or write the pages of all commands into a folder: `registry-publisher man
    /// /usr/local/share/man/man1`
    Man(Man),
}

/// `init`. The global `--changing-ttl` is one of its settings.
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// Which store
    pub store: Location,
    /// How long what nothing names any longer is kept [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub grace: Option<Duration>,
    /// Nobody writes anything for Registry v1 (Docker before 1.10)
    #[arg(long)]
    pub no_v1: bool,
    /// The opposite, for a store that was made with --no-v1
    #[arg(long, conflicts_with = "no_v1")]
    pub v1: bool,
    /// Everybody keeps gzip of zstd layers for Registry v1, which reads no zstd
    #[arg(long, conflicts_with = "no_v1")]
    pub v1_gzip: bool,
    /// The opposite: images with zstd layers are not written for Registry v1, unless who publishes asks for it
    #[arg(long, conflicts_with = "v1_gzip")]
    pub no_v1_gzip: bool,
    /// Nobody moves tags that match, in place of those said before; may be given several times
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub immutable: Vec<TagPattern>,
    /// All tags may be moved
    #[arg(long, conflicts_with = "immutable")]
    pub no_immutable: bool,
    /// Where everybody reads the store, if not at the store's own URL: a CDN's base
    #[arg(long, value_name = "URL", value_parser = base)]
    pub public_url: Option<String>,
    /// Print the settings and the policy that would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn base(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url.filter(|url| url.query().is_none() && url.fragment().is_none()) {
        Some(url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
        None => Err("expected http://… or https://… without a query".to_owned()),
    }
}

/// `relist`.
#[derive(Debug, Args)]
pub struct Relist {
    /// Which store
    pub store: Location,
    /// How long a manifest must be seen without its link before its view is removed: a publisher at work writes the
    /// view first
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "60s")]
    pub stale_after: Duration,
    /// Write for Registry v1 (Docker before 1.10), too, what it can hold: of a store that was filled without it. Of zstd
    /// layers where the store or the settings file says `v1-gzip`
    #[arg(long)]
    pub v1: bool,
    /// Note in this file which repositories were dealt with, and do not deal with them again while their links stay as
    /// they are: an interrupted run goes on where it was. Without the file everything is made anew
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Which store
    pub store: Location,
    /// Which repository alone
    pub repository: Option<Repository>,
    /// Read all contents and compare their digests, too
    #[arg(long)]
    pub deep: bool,
    /// With --deep, note in this file what was read and is right, and do not read it again: an interrupted run goes on
    /// where it was. Without the file everything is read
    #[arg(long, value_name = "FILE", requires = "deep")]
    pub resume: Option<PathBuf>,
    /// First make anew what can be: views and lists, and their headers
    #[arg(long, conflicts_with = "repository")]
    pub repair: bool,
    /// See it as clients do, through this endpoint and whatever it redirects to
    ///
    /// Says which clients each finding breaks. Looks at 20 repositories and the 3 newest tags of each, or at 20 tags
    /// of the one that is named.
    #[arg(long, value_name = "URL", value_parser = registry, conflicts_with_all = ["deep", "repair"])]
    pub through: Option<url::Url>,
    /// With --through, look at everything
    #[arg(long, requires = "through")]
    pub all: bool,
}

/// Where clients ask: a host, which they ask by https, or a URL without anything behind the host.
fn registry(text: &str) -> Result<url::Url, String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = url::Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let bare = |url: &url::Url| {
        url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    url.filter(bare).ok_or_else(|| "expected https://registry.example.com, without a path".to_owned())
}

/// `list`.
#[derive(Debug, Args)]
pub struct List {
    /// Which store
    pub store: Location,
    /// Of which repository to show the tags
    pub repository: Option<Repository>,
}

/// `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Which image: `acme/app:1.2`, `acme/app@sha256:…`
    pub reference: String,
    /// In which store
    #[arg(long, value_name = "STORE")]
    pub from: Location,
    /// Take a first segment like `registry.example.com` as part of the repository's name
    #[arg(long)]
    pub keep_host: bool,
}

/// `tag`.
#[derive(Debug, Args)]
pub struct Tag {
    /// Which image: `acme/app:1.2`, `acme/app@sha256:…`
    pub from: String,
    /// Its further names: `acme/app:stable`, `acme/other:1.2`
    #[arg(required = true)]
    pub reference: Vec<String>,
    /// In which store
    #[arg(long = "in", value_name = "STORE")]
    pub store: Location,
    /// Which tags stay where they are
    #[command(flatten)]
    pub fixed: Fixed,
    /// Take a first segment like `registry.example.com` as part of the repository's name
    #[arg(long)]
    pub keep_host: bool,
}

/// `remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// What: `acme/app:1.2` for the tag, `acme/app@sha256:…` for the manifest and every tag that points to it
    pub reference: String,
    /// In which store
    #[arg(long, value_name = "STORE")]
    pub from: Location,
    /// Also tags that settings say are immutable
    #[arg(long)]
    pub force: bool,
    /// Take a first segment like `registry.example.com` as part of the repository's name
    #[arg(long)]
    pub keep_host: bool,
}
