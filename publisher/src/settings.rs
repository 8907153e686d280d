//! Settings: flags win over the environment, that over the file, that over the store's own, that over the default.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use std::{fs, io};

use contract::manner::Manner;
use contract::pattern::TagPattern;
use contract::settings::StoreSettings;
use serde::Deserialize;

use crate::announce::{PurgeFile, WebhookFile};
use crate::cli::{Fixed, Format, Global, Init, Layers, S3};
use crate::grace::Grace;
use crate::immutable::Immutable;
use crate::rate::{Rate, RateError};
use crate::source::{Compress, Compression, ManifestType};
use crate::store::{Location, LocationError, Objects, Patience};
use crate::v1_chain::V1;

/// Blobs at the same time.
const JOBS: usize = 4;
/// More only wait for each other.
const JOBS_MAX: usize = 64;
/// No time is longer.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
/// What ran on old Docker.
const V1_PLATFORM: &str = "linux/amd64";

/// The file's keys; every one can be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct File {
    /// Where `publish` publishes to.
    pub to: Option<String>,
    /// As `--jobs`.
    pub jobs: Option<usize>,
    /// As `--changing-ttl`: `60s`.
    pub changing_ttl: Option<String>,
    /// As `--request-timeout`: `60s`.
    pub request_timeout: Option<String>,
    /// As `--deadline`: `30m`.
    pub deadline: Option<String>,
    /// As `--limit-rate`: `10M`.
    pub limit_rate: Option<String>,
    /// As `--s3-encryption`.
    pub s3_encryption: Option<String>,
    /// As `--s3-storage-class`.
    pub s3_storage_class: Option<String>,
    /// As `--s3-acl`.
    pub s3_acl: Option<String>,
    /// As `--s3-requester-pays`.
    pub s3_requester_pays: Option<bool>,
    /// `false` is `--no-v1`.
    pub v1: Option<bool>,
    /// `true` is `--v1-gzip`.
    pub v1_gzip: Option<bool>,
    /// Patterns of tags that stay where they are, as `--immutable`.
    #[serde(default)]
    pub immutable: BTreeSet<TagPattern>,
    /// As `--v1-platform`.
    pub v1_platform: Option<String>,
    /// As `--manifest-type`.
    pub manifest_type: Option<ManifestType>,
    /// As `--compression`.
    pub compression: Option<Compression>,
    /// As `--compression-level`.
    pub compression_level: Option<u8>,
    /// As `--format`.
    pub format: Option<Format>,
    /// Who is told of changes.
    #[serde(default)]
    pub webhooks: Vec<WebhookFile>,
    /// Which CDNs are to forget what changed.
    #[serde(default)]
    pub purges: Vec<PurgeFile>,
}

/// What a command runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where `publish` publishes to, by the file.
    pub to: Option<Location>,
    /// At least 1.
    pub jobs: usize,
    /// In seconds; what the store says, where nobody says here.
    pub changing_ttl: Option<u32>,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// When the command gives up.
    pub deadline: Option<Duration>,
    /// How fast content is sent at most.
    pub limit_rate: Option<Rate>,
    /// How objects are kept in S3, as far as it is said here.
    pub manner: Manner,
    /// What is written for v1, as far as it is for us to say.
    pub v1: V1,
    /// Which tags stay where they are, beside those that the store says.
    pub immutable: BTreeSet<TagPattern>,
    /// `os/architecture`.
    pub v1_platform: String,
    /// Of manifests that we make.
    pub manifest_type: ManifestType,
    /// Of layers that we pack, by the file.
    pub compression: Option<Compression>,
    /// By the file.
    pub compression_level: Option<u8>,
    /// Of results.
    pub format: Format,
    /// Who is told of changes.
    pub webhooks: Vec<WebhookFile>,
    /// Which CDNs are to forget what changed.
    pub purges: Vec<PurgeFile>,
}

/// What holds for the work on one store, its own settings considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How objects are kept.
    pub objects: Objects,
    /// What is written for v1.
    pub v1: V1,
    /// Which tags stay where they are.
    pub immutable: BTreeSet<TagPattern>,
    /// How long what nothing names any longer is kept.
    pub grace: Duration,
}

impl Rules {
    /// How old is old.
    pub fn grace(&self) -> Grace {
        Grace::new(self.grace)
    }

    /// Which tags a publication must not move: those of the flags too.
    pub fn immutable(&self, flags: &Fixed) -> Immutable {
        let patterns = self.immutable.iter().chain(&flags.immutable).cloned().collect();
        Immutable { patterns, if_absent: flags.if_absent }
    }
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the settings file {path} cannot be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no TOML, has a key that is unknown, or a value of the wrong kind.
    #[error("the settings file {path} is not valid")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value outside its range.
    #[error("{name} is {value}: {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// The file's store.
    #[error("`to` in the settings file names no store")]
    Store(#[source] LocationError),
}

impl File {
    /// Reads the file that `--settings` names.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| SettingsError::Syntax { path: path.to_owned(), source: Box::new(source) })
    }
}

/// Puts flags (with the environment, which clap reads) over the file over the defaults. Pure.
pub fn resolve(flags: &Global, file: &File) -> Result<Settings, SettingsError> {
    let jobs = flags.jobs.or(file.jobs).unwrap_or(JOBS);
    if !(1..=JOBS_MAX).contains(&jobs) {
        let expected = format!("expected 1 to {JOBS_MAX}");
        return Err(SettingsError::Value { name: "jobs", value: jobs.to_string(), expected });
    }
    let v1_platform =
        flags.v1_platform.clone().or_else(|| file.v1_platform.clone()).unwrap_or_else(|| V1_PLATFORM.into());
    if !(2..=3).contains(&v1_platform.split('/').filter(|part| !part.is_empty()).count()) {
        let expected = "expected os/architecture, such as linux/amd64".into();
        return Err(SettingsError::Value { name: "v1-platform", value: v1_platform, expected });
    }
    Ok(Settings {
        to: file.to.as_deref().map(str::parse).transpose().map_err(SettingsError::Store)?,
        jobs,
        changing_ttl: changing_ttl(flags, file)?,
        request_timeout: request_timeout(flags, file)?,
        deadline: time("deadline", flags.deadline, file.deadline.as_deref())?,
        limit_rate: limit_rate(flags, file)?,
        manner: manner(&flags.s3, file)?,
        v1: v1(file.v1, file.v1_gzip),
        immutable: file.immutable.clone(),
        v1_platform,
        manifest_type: file.manifest_type.unwrap_or_default(),
        compression: file.compression,
        compression_level: file.compression_level,
        format: flags.format.or(file.format).unwrap_or_default(),
        webhooks: file.webhooks.clone(),
        purges: file.purges.clone(),
    })
}

impl Settings {
    /// The second step of [`resolve`], when the store is open. What protects a store only adds up: nobody who publishes
    /// makes a tag movable, or turns v1 on, that the store says is not. Pure.
    pub fn with_store(&self, said: &StoreSettings) -> Rules {
        let ttl_said = || seconds(said.changing_ttl.unwrap_or(StoreSettings::CHANGING_TTL));
        Rules {
            objects: Objects {
                changing_ttl: self.changing_ttl.unwrap_or_else(ttl_said),
                manner: self.manner.over(&said.s3),
            },
            v1: match (self.v1, v1(said.v1, said.v1_gzip)) {
                (V1::Off, _) | (_, V1::Off) => V1::Off,
                (V1::Gzip, _) | (_, V1::Gzip) => V1::Gzip,
                (V1::Readable, V1::Readable) => V1::Readable,
            },
            immutable: self.immutable.union(&said.immutable).cloned().collect(),
            grace: said.grace.unwrap_or(StoreSettings::GRACE),
        }
    }
}

impl Settings {
    /// How layers are packed: what the flags leave open is what the file says. A level in the file goes with the
    /// compression there. Pure.
    pub fn compress(&self, flags: &Layers) -> Result<Compress, SettingsError> {
        let wanted = flags.compression.or(self.compression).unwrap_or_default();
        let of_file = if flags.compression.is_none() { self.compression_level } else { None };
        let level = flags.compression_level.or(of_file);
        Compress::new(wanted, level).ok_or_else(|| SettingsError::Value {
            name: "compression-level",
            value: level.unwrap_or_default().to_string(),
            expected: match wanted.levels() {
                Some(levels) => format!("expected {} to {}", levels.start(), levels.end()),
                None => "plain layers have none".into(),
            },
        })
    }
}

/// What these two settings say.
fn v1(on: Option<bool>, gzip: Option<bool>) -> V1 {
    match (on, gzip) {
        (Some(false), _) => V1::Off,
        (_, Some(true)) => V1::Gzip,
        (_, Some(false) | None) => V1::Readable,
    }
}

/// A time of the flags, else of the file.
fn time(
    name: &'static str,
    flag: Option<Duration>,
    of_file: Option<&str>,
) -> Result<Option<Duration>, SettingsError> {
    let parse = |text: &str| humantime::parse_duration(text).map_err(|_| no_time(name, text.to_owned()));
    let time = flag.map_or_else(|| of_file.map(parse).transpose(), |time| Ok(Some(time)))?;
    match time {
        Some(time) if time > YEAR => Err(no_time(name, humantime::format_duration(time).to_string())),
        time => Ok(time),
    }
}

fn no_time(name: &'static str, value: String) -> SettingsError {
    SettingsError::Value { name, value, expected: "expected a time such as 60s or 5m, at most a year".into() }
}

/// What a store says when `init` has changed it: what the flags do not tell stays. Pure.
pub fn told(flags: &Init, global: &Global, said: StoreSettings) -> StoreSettings {
    let whole = |time: Duration| Duration::from_secs(time.as_secs());
    StoreSettings {
        grace: flags.grace.map(whole).or(said.grace),
        v1: if flags.no_v1 || flags.v1 { Some(flags.v1) } else { said.v1 },
        v1_gzip: if flags.no_v1_gzip || flags.v1_gzip { Some(flags.v1_gzip) } else { said.v1_gzip },
        immutable: if flags.no_immutable || !flags.immutable.is_empty() {
            flags.immutable.iter().cloned().collect()
        } else {
            said.immutable
        },
        changing_ttl: global.changing_ttl.map(whole).or(said.changing_ttl),
        s3: global.s3.manner().over(&said.s3),
    }
}

fn changing_ttl(flags: &Global, file: &File) -> Result<Option<u32>, SettingsError> {
    let ttl = time("changing-ttl", flags.changing_ttl, file.changing_ttl.as_deref())?;
    Ok(ttl.map(seconds))
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

fn request_timeout(flags: &Global, file: &File) -> Result<Duration, SettingsError> {
    let time = time("request-timeout", flags.request_timeout, file.request_timeout.as_deref())?;
    match time.unwrap_or(Patience::default().request) {
        Duration::ZERO => Err(no_time("request-timeout", "0s".into())),
        time => Ok(time),
    }
}

fn limit_rate(flags: &Global, file: &File) -> Result<Option<Rate>, SettingsError> {
    let parse = |text: &String| {
        let wrong = |error: RateError| SettingsError::Value {
            name: "limit-rate",
            value: text.clone(),
            expected: error.to_string(),
        };
        text.parse().map_err(wrong)
    };
    flags.limit_rate.map_or_else(|| file.limit_rate.as_ref().map(parse).transpose(), |rate| Ok(Some(rate)))
}

fn manner(flags: &S3, file: &File) -> Result<Manner, SettingsError> {
    let of_file = Manner {
        encryption: word("s3-encryption", file.s3_encryption.as_deref())?,
        storage_class: word("s3-storage-class", file.s3_storage_class.as_deref())?,
        acl: word("s3-acl", file.s3_acl.as_deref())?,
        requester_pays: file.s3_requester_pays,
    };
    Ok(flags.manner().over(&of_file))
}

impl S3 {
    /// What these flags say.
    fn manner(&self) -> Manner {
        Manner {
            encryption: self.s3_encryption.clone(),
            storage_class: self.s3_storage_class.clone(),
            acl: self.s3_acl.clone(),
            requester_pays: self.s3_requester_pays,
        }
    }
}

fn word<T: FromStr>(name: &'static str, text: Option<&str>) -> Result<Option<T>, SettingsError> {
    let wrong = |text: &str| SettingsError::Value {
        name,
        value: text.escape_default().to_string(),
        expected: "expected printable letters without spaces, as the store knows it".into(),
    };
    text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()
}

#[cfg(test)]
mod tests;
