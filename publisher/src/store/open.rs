//! From what a user types to a store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use contract::key::Key;
use contract::settings::StoreSettings;
use url::Url;

use super::directory::Directory;
use super::s3::{S3, S3Location};
use super::swift::{Swift, SwiftLocation};
use super::{Kind, Objects, Patience, Store, StoreError};

/// Where a store is, as users write it. Holds no secrets: what looks like one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `./bucket`, `/srv/bucket`, `file:///srv/bucket`.
    Directory(PathBuf),
    /// `s3://bucket/prefix?endpoint=…&region=…&path-style=true&profile=…`.
    S3(S3Location),
    /// `swift://container/prefix`.
    Swift(SwiftLocation),
}

/// Text that names no store. It is not repeated where a secret might be in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// No text.
    #[error(
        "a store must be named: a directory (./bucket, file:///srv/bucket), s3://bucket/prefix or swift://container/prefix"
    )]
    Empty,
    /// Some other kind of store.
    #[error(
        "`{0}://` is no kind of store: expected a directory (./bucket, file:///srv/bucket), s3://bucket/prefix or \
         swift://container/prefix"
    )]
    Scheme(String),
    /// `s3:bucket`.
    #[error(
        "two slashes are missing after `{0}:`: s3://bucket/prefix, swift://container/prefix, file:///srv/bucket; a directory of such a name is ./{0}:…"
    )]
    Slashes(String),
    /// `C:\bucket`.
    #[error("`{0}` is a path of Windows, which is not supported")]
    Windows(String),
    /// `file://host/path`, `file://relative`.
    #[error("`{0}` is not the URL of a directory on this machine: expected file:///srv/bucket")]
    File(String),
    /// `s3://key:secret@bucket`.
    #[error(
        "a store's name holds no user and no secret, since others can read command lines: \
         credentials come from the environment, for S3 also from an AWS profile"
    )]
    Secret,
    /// `s3:///prefix`.
    #[error("`{0}` names no bucket: expected s3://bucket/prefix")]
    NoBucket(String),
    /// Not a bucket's name.
    #[error(
        "`{0}` is not a bucket's name: expected letters, digits, `.`, `-` and `_`; a host goes into ?endpoint="
    )]
    Bucket(String),
    /// `swift:///prefix`.
    #[error("`{0}` names no container: expected swift://container/prefix")]
    NoContainer(String),
    /// Not a container's name.
    #[error(
        "`{0}` is not a container's name: expected up to 256 bytes without `:`, `#` and `%`; the cluster's URL goes into ST_AUTH or OS_AUTH_URL"
    )]
    Container(String),
    /// `swift://container?region=r`.
    #[error(
        "swift://container/prefix takes no settings behind `?`: region and interface come from OS_REGION_NAME and OS_INTERFACE"
    )]
    SwiftQuery,
    /// A prefix that is no path.
    #[error("`{0}` is not a prefix: it may hold no empty segment, `.`, `..`, `#` or control character")]
    Prefix(String),
    /// A query key that means nothing.
    #[error("`{0}` means nothing to an S3 store: known are endpoint, region, path-style and profile")]
    UnknownKey(String),
    /// The same query key twice.
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    /// Not a URL to send requests to.
    #[error("`{0}` is not an endpoint: expected http://host:port or https://host, without query and user")]
    Endpoint(String),
    /// Not a region.
    #[error("`{0}` is not a region: expected letters, digits and `-`")]
    Region(String),
    /// Not what a section of AWS's files can be called.
    #[error("`{0}` is not the name of an AWS profile: expected letters, digits and any of _-/.%@:+")]
    Profile(String),
    /// Neither true nor false.
    #[error("`{0}` is not a path-style: expected true or false")]
    PathStyle(String),
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        if let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
            return match scheme {
                "s3" => rest.parse().map(Self::S3),
                "file" => file(text).map(Self::Directory),
                "swift" => rest.parse().map(Self::Swift),
                other => Err(LocationError::Scheme(other.to_owned())),
            };
        }
        match text.split_once(':') {
            Some((scheme @ ("s3" | "swift" | "file"), _)) => Err(LocationError::Slashes(scheme.to_owned())),
            Some((drive, rest)) if drive.len() == 1 && rest.starts_with(['\\', '/']) => {
                Err(LocationError::Windows(text.to_owned()))
            }
            _ => Ok(Self::Directory(text.into())),
        }
    }
}

/// [RFC 3986, section 3.1](https://www.rfc-editor.org/rfc/rfc3986#section-3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn file(text: &str) -> Result<PathBuf, LocationError> {
    let refused = || LocationError::File(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused());
    }
    url.to_file_path().map_err(|()| refused())
}

/// As it can be typed again.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::S3(location) => location.fmt(f),
            Self::Swift(location) => location.fmt(f),
        }
    }
}

/// How a store is opened.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How objects are kept, in the light of what the store says of itself.
    pub objects: &'a (dyn Fn(&StoreSettings) -> Objects + Sync),
    /// Of requests over a network.
    pub patience: Patience,
    /// Whether a directory that is not there is made: for commands that write. A bucket never is.
    pub create: bool,
}

/// Opens the store at a location and reads its own settings, by which it also shows that it answers.
///
/// # Errors
/// [`Kind::NoStore`] for a directory, bucket or container that is not there, and whatever hinders opening it; for S3 and
/// Swift, settings that are missing or wrong; settings in the store that cannot be understood.
pub async fn open(
    location: &Location,
    options: &Options<'_>,
) -> Result<(Arc<dyn Store>, StoreSettings), StoreError> {
    let unsaid = (options.objects)(&StoreSettings::default());
    Ok(match location {
        Location::Directory(path) => {
            let opened =
                if options.create { Directory::create(path).await? } else { Directory::open(path).await? };
            let said = said(&opened).await?;
            (Arc::new(opened), said)
        }
        Location::S3(location) => {
            let opened = S3::connect(location.clone(), unsaid.changing_ttl).await?;
            let opened = opened.with_patience(options.patience).with_manner(unsaid.manner);
            let said = said(&opened).await?;
            let Objects { changing_ttl, manner } = (options.objects)(&said);
            (Arc::new(opened.with_changing_ttl(changing_ttl).with_manner(manner)), said)
        }
        Location::Swift(location) => {
            let opened =
                Swift::connect(location.clone(), unsaid.changing_ttl)?.with_patience(options.patience);
            let said = said(&opened).await?;
            (Arc::new(opened.with_changing_ttl((options.objects)(&said).changing_ttl)), said)
        }
    })
}

/// What a store says of itself.
pub(crate) async fn said(store: &dyn Store) -> Result<StoreSettings, StoreError> {
    match store.read(&Key::Settings).await? {
        Some(found) => understood(store, &found.bytes),
        None => Ok(StoreSettings::default()),
    }
}

/// The same, from the bytes of the object that says it.
pub(crate) fn understood(store: &dyn Store, bytes: &[u8]) -> Result<StoreSettings, StoreError> {
    StoreSettings::from_bytes(bytes).map_err(|error| StoreError {
        kind: Kind::Other,
        store: store.name(),
        action: format!("understanding its settings, {}", Key::Settings),
        source: Some(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_is_printed() {
        for text in [
            "./bucket",
            "bucket",
            "/srv/bucket",
            "with:colon",
            "s3://bucket",
            "s3://bucket/a/b=c",
            "s3://b?endpoint=http://127.0.0.1:8333",
            "s3://b/p?endpoint=https://s3.example.com/under&region=eu-1&path-style=false",
            "s3://b?path-style=true",
            "s3://b?profile=second/account@1",
            "swift://container",
            "swift://some container/a/b=c",
        ] {
            assert_eq!(text.parse::<Location>().map(|location| location.to_string()), Ok(text.to_owned()));
        }
        for (text, printed) in [
            ("file:///srv/a%20b", "/srv/a b"),
            ("s3://b/", "s3://b"),
            ("swift://c/", "swift://c"),
            ("swift://c/p/", "swift://c/p"),
            ("s3://b/p/?path-style=TRUE&region=r", "s3://b/p?region=r&path-style=true"),
            ("s3://b?endpoint=http%3A%2F%2Flocalhost%3A1%2F", "s3://b?endpoint=http://localhost:1"),
        ] {
            assert_eq!(text.parse::<Location>().map(|location| location.to_string()), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn what_is_no_store_is_refused_by_its_reason() {
        use LocationError::*;
        let owned = str::to_owned;
        for (text, error) in [
            ("", Empty),
            ("http://bucket.example.com", Scheme(owned("http"))),
            ("swift:container", Slashes(owned("swift"))),
            ("swift://", NoContainer(owned("swift://"))),
            ("swift:///prefix", NoContainer(owned("swift:///prefix"))),
            ("swift://user:secret@container", Secret),
            ("swift://host:5000/v3", Container(owned("host:5000"))),
            ("swift://../v1", Container(owned(".."))),
            ("swift://c/a//b", Prefix(owned("a//b"))),
            ("swift://c/../b", Prefix(owned("../b"))),
            ("swift://c?region=r", SwiftQuery),
            ("s3:bucket", Slashes(owned("s3"))),
            ("C:\\bucket", Windows(owned("C:\\bucket"))),
            ("c:/bucket", Windows(owned("c:/bucket"))),
            ("file://host/srv", File(owned("file://host/srv"))),
            ("file:///srv?a=b", File(owned("file:///srv?a=b"))),
            ("s3://", NoBucket(owned("s3://"))),
            ("s3:///prefix", NoBucket(owned("s3:///prefix"))),
            ("s3://?region=r", NoBucket(owned("s3://"))),
            ("s3://key:secret@bucket/prefix", Secret),
            ("s3://secret@bucket", Secret),
            ("s3://b?endpoint=http://key:secret@host", Secret),
            ("s3://host:9000", Bucket(owned("host:9000"))),
            ("s3://b u", Bucket(owned("b u"))),
            ("s3://b/a//b", Prefix(owned("a//b"))),
            ("s3://b/a/../b", Prefix(owned("a/../b"))),
            ("s3://b/a#b", Prefix(owned("a#b"))),
            ("s3://b/a\n", Prefix(owned("a\n"))),
            ("s3://b?acl=public", UnknownKey(owned("acl"))),
            ("s3://b?region=a&region=b", Twice("region")),
            ("s3://b?endpoint=127.0.0.1:8333", Endpoint(owned("127.0.0.1:8333"))),
            ("s3://b?endpoint=ftp://h", Endpoint(owned("ftp://h"))),
            ("s3://b?endpoint=http://h/?q", Endpoint(owned("http://h/?q"))),
            ("s3://b?region=", Region(String::new())),
            ("s3://b?region=a.b", Region(owned("a.b"))),
            ("s3://b?path-style=1", PathStyle(owned("1"))),
            ("s3://b?profile=", Profile(owned(""))),
            ("s3://b?profile=a+b", Profile(owned("a b"))),
        ] {
            assert_eq!(text.parse::<Location>(), Err(error), "{text}");
        }
    }
}
