//! The store's own settings: what every publisher to a store heeds, kept in the store itself.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::manner::Manner;
use crate::pattern::TagPattern;

/// Caches keep nothing for longer.
const CHANGING_TTL_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// What is said in a store, for all who publish to it. What is not said has its default, and where there is no such
/// object nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StoreSettings {
    /// How long what nothing names any longer is kept, for publishers that are about to name it.
    #[serde(with = "time", skip_serializing_if = "Option::is_none")]
    pub grace: Option<Duration>,
    /// Whether objects for Registry v1 are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v1: Option<bool>,
    /// Whether Registry v1 has gzip of zstd layers, which it cannot read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v1_gzip: Option<bool>,
    /// Which tags stay where they are.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub immutable: BTreeSet<TagPattern>,
    /// How long caches may keep what changes.
    #[serde(with = "time", skip_serializing_if = "Option::is_none")]
    pub changing_ttl: Option<Duration>,
    /// In which manner objects are kept in S3.
    #[serde(skip_serializing_if = "Manner::is_default")]
    pub s3: Manner,
}

/// Bytes that are no settings which this version understands.
#[derive(Debug, thiserror::Error)]
pub enum StoreSettingsError {
    /// To go on without it could break what it asks for.
    #[error("they say `{0}`, which this version does not know: a newer registry-publisher wrote them")]
    Unknown(String),
    /// Not their form.
    #[error("they are damaged")]
    Damaged(#[from] serde_json::Error),
    /// A value outside its range.
    #[error("changing-ttl is more than a year")]
    ChangingTtl,
}

impl StoreSettings {
    /// Where nobody says otherwise.
    pub const GRACE: Duration = Duration::from_secs(24 * 3600);
    /// Where nobody says otherwise.
    pub const CHANGING_TTL: Duration = Duration::from_secs(60);

    const KEYS: [&str; 6] = ["grace", "v1", "v1-gzip", "immutable", "changing-ttl", "s3"];

    /// As they stand in the store: the same settings have the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // No value can fail: there is nothing here that serde_json refuses.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From the store's bytes; anybody may have written there.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreSettingsError> {
        let said: Map<String, Value> = serde_json::from_slice(bytes)?;
        if let Some(key) = said.keys().find(|key| !Self::KEYS.contains(&key.as_str())) {
            return Err(StoreSettingsError::Unknown(key.clone()));
        }
        let settings: Self = serde_json::from_value(Value::Object(said))?;
        match settings.changing_ttl {
            Some(ttl) if ttl > CHANGING_TTL_MAX => Err(StoreSettingsError::ChangingTtl),
            _ => Ok(settings),
        }
    }
}

/// Times as text: one number and the largest unit that leaves no rest, `24h`, `90s`, and what is less than a second
/// behind it. Read more freely.
mod time {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_str(&text(*time)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn text(time: Duration) -> String {
        let (seconds, rest) = (time.as_secs(), Duration::from_nanos(time.subsec_nanos().into()));
        match seconds {
            // To be read as it was meant: half a second is not none.
            0 if !rest.is_zero() => humantime::format_duration(rest).to_string(),
            _ if !rest.is_zero() => format!("{seconds}s {}", humantime::format_duration(rest)),
            1.. if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
            1.. if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            _ => format!("{seconds}s"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = |_| de::Error::custom(format!("`{text}` is no time such as 24h"));
        humantime::parse_duration(&text).map(Some).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> StoreSettings {
        StoreSettings {
            grace: Some(StoreSettings::GRACE),
            v1: Some(false),
            v1_gzip: Some(true),
            immutable: ["v*", "release-?"].into_iter().filter_map(|text| text.parse().ok()).collect(),
            changing_ttl: Some(Duration::from_secs(90)),
            s3: Manner { acl: "public-read".parse().ok(), ..Manner::default() },
        }
    }

    #[test]
    fn their_bytes_are_the_format() {
        let nothing = StoreSettings::default();
        for (settings, text) in [
            (
                all(),
                r#"{"grace":"24h","v1":false,"v1-gzip":true,"immutable":["release-?","v*"],"changing-ttl":"90s","s3":{"acl":"public-read"}}"#,
            ),
            (nothing.clone(), "{}"),
            (
                StoreSettings { changing_ttl: Some(Duration::from_secs(60)), ..nothing },
                r#"{"changing-ttl":"1m"}"#,
            ),
        ] {
            assert_eq!(String::from_utf8(settings.to_bytes()).unwrap(), text);
            assert_eq!(StoreSettings::from_bytes(text.as_bytes()).unwrap(), settings);
        }
    }

    #[test]
    fn times_have_one_writing() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (61, "61s"),
            (5400, "90m"),
            (86400, "24h"),
            (604_800, "168h"),
        ] {
            assert_eq!(time::text(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn no_part_of_a_time_is_lost() {
        for (said, text) in [
            ("500ms", "500ms"),
            ("1500ms", "1s 500ms"),
            ("2h 1us 5ns", "7200s 1us 5ns"),
            ("18446744073709551615s 999999999ns", "18446744073709551615s 999ms 999us 999ns"),
        ] {
            let settings = StoreSettings::from_bytes(format!(r#"{{"grace":"{said}"}}"#).as_bytes()).unwrap();
            let bytes = settings.to_bytes();
            assert_eq!(String::from_utf8_lossy(&bytes), format!(r#"{{"grace":"{text}"}}"#));
            assert_eq!(StoreSettings::from_bytes(&bytes).unwrap(), settings);
        }
    }

    #[test]
    fn what_a_newer_version_says_is_refused_by_name() {
        let error = StoreSettings::from_bytes(br#"{"v1":true,"quota":"1T"}"#).unwrap_err().to_string();
        assert_eq!(
            error,
            "they say `quota`, which this version does not know: a newer registry-publisher wrote them"
        );
    }

    #[test]
    fn what_is_no_settings_is_refused() {
        for text in [
            "",
            "[]",
            "null",
            r#"{"v1":1}"#,
            r#"{"grace":24}"#,
            r#"{"grace":"soon"}"#,
            r#"{"immutable":["a/b"]}"#,
            r#"{"s3":{"acl":"public read"}}"#,
            r#"{"s3":{"colour":"red"}}"#,
        ] {
            assert!(
                matches!(StoreSettings::from_bytes(text.as_bytes()), Err(StoreSettingsError::Damaged(_))),
                "{text}"
            );
        }
        let year = StoreSettings::from_bytes(br#"{"changing-ttl":"366days"}"#);
        assert!(matches!(year, Err(StoreSettingsError::ChangingTtl)));
    }
}
