//! `s3://bucket/prefix?endpoint=…&region=…&path-style=…&profile=…`: which bucket, and how it is reached.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use contract::key::Key;
use url::{Url, form_urlencoded};

use super::super::{LocationError, below};

/// Where an S3 store is. What is `None` comes from the environment or the AWS profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    /// The bucket's name.
    pub bucket: String,
    /// What all keys begin with, without slashes at its ends; empty for the bucket's root.
    pub prefix: String,
    /// An http or https URL without a slash at its end. Without one it is AWS.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// Whether the bucket is a part of the path, rather than of the host's name.
    pub path_style: Option<bool>,
    /// The AWS profile whose credentials are used, whatever the environment says: two stores may have different ones.
    pub profile: Option<String>,
}

impl S3Location {
    /// The path of a key in the bucket.
    pub(super) fn path(&self, key: &Key) -> String {
        self.below(&key.path())
    }

    /// A path below the prefix.
    pub(super) fn below(&self, path: &str) -> String {
        below::path(&self.prefix, path)
    }

    /// The key of a path in the bucket, if it is one of ours.
    pub(super) fn key(&self, path: &str) -> Option<Key> {
        below::key(&self.prefix, path)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), LocationError> {
        match name {
            "endpoint" => once(&mut self.endpoint, "endpoint", endpoint(value)?),
            "region" => once(&mut self.region, "region", region(value)?),
            "path-style" => once(&mut self.path_style, "path-style", path_style(value)?),
            "profile" => once(&mut self.profile, "profile", profile(value)?),
            other => Err(LocationError::UnknownKey(other.to_owned())),
        }
    }
}

fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), LocationError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(LocationError::Twice(name)),
    }
}

fn endpoint(text: &str) -> Result<String, LocationError> {
    let refused = || LocationError::Endpoint(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(LocationError::Secret);
    }
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
        return Err(refused());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn region(text: &str) -> Result<String, LocationError> {
    // It becomes a part of a host's name.
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(LocationError::Region(text.to_owned()));
    }
    Ok(text.to_owned())
}

fn path_style(text: &str) -> Result<bool, LocationError> {
    text.to_ascii_lowercase().parse().map_err(|_| LocationError::PathStyle(text.to_owned()))
}

fn profile(text: &str) -> Result<String, LocationError> {
    // What AWS's own readers of these files take: others they pass over in silence.
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c)) {
        return Err(LocationError::Profile(text.to_owned()));
    }
    Ok(text.to_owned())
}

fn bucket(text: &str) -> Result<String, LocationError> {
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
        return Err(LocationError::Bucket(text.to_owned()));
    }
    Ok(text.to_owned())
}

fn prefix(text: &str) -> Result<String, LocationError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    // Programs between here and the bucket resolve dots and merge slashes; `#` is a slip of the pen.
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    let bad = text.chars().any(|c| c.is_control() || c == '#') || text.split('/').any(odd);
    if bad && !text.is_empty() {
        return Err(LocationError::Prefix(text.to_owned()));
    }
    Ok(text.to_owned())
}

/// What follows `s3://`.
impl FromStr for S3Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (authority, below) = path.split_once('/').unwrap_or((path, ""));
        if authority.contains('@') {
            return Err(LocationError::Secret);
        }
        if authority.is_empty() {
            return Err(LocationError::NoBucket(format!("s3://{path}")));
        }
        let (bucket, prefix) = (bucket(authority)?, prefix(below)?);
        let mut location =
            Self { bucket, prefix, endpoint: None, region: None, path_style: None, profile: None };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            location.set(&name, &value)?;
        }
        Ok(location)
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        let path_style = self.path_style.map(|path_style| path_style.to_string());
        let query = [
            ("endpoint", &self.endpoint),
            ("region", &self.region),
            ("path-style", &path_style),
            ("profile", &self.profile),
        ];
        let given = query.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        for (number, (name, value)) in given.enumerate() {
            let before = if number == 0 { '?' } else { '&' };
            write!(f, "{before}{name}={}", escaped(value))?;
        }
        Ok(())
    }
}

/// A value of the query, left readable where it can be.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['&', '+', '%']) {
        form_urlencoded::byte_serialize(value.as_bytes()).collect()
    } else {
        value.into()
    }
}
