//! A base that redirects begin with: an absolute http(s) URL, checked once at start.

use std::fmt;

use http::Uri;
use http::uri::{Authority, Scheme};

/// Why a URL cannot be a base. Said as the end of a sentence that names the URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseError {
    /// No scheme, another scheme than http and https, no host, or no URL at all.
    #[error("it is not an absolute http:// or https:// URL")]
    NotAbsolute,
    /// `https://user:password@cdn.example.com`: everyone who pulls would read it.
    #[error("it holds a user name or password, which every client would be shown")]
    UserInfo,
    /// `https://cdn.example.com:99999`
    #[error("its port is not a number up to 65535")]
    Port,
    /// `https://cdn.example.com/?token=…`
    #[error("it has a query; the path of an object is put behind the base, so it must end in a path")]
    Query,
    /// `https://cdn.example.com/#top`
    #[error("it has a fragment; the path of an object is put behind the base, so it must end in a path")]
    Fragment,
    /// `https://cdn.example.com/a/../b`: clients resolve it, and would not agree on the way.
    #[error("its path has a `.` or `..` segment")]
    DotSegment,
    /// What RFC 3986 §3.3 wants percent-encoded, and is not.
    #[error("its path has a character that must be percent-encoded")]
    Character,
}

/// An absolute http(s) URL without query, fragment and user, that ends in exactly one slash.
///
/// An object's URL is the base and the object's path, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    url: String,
    https: bool,
}

impl Base {
    /// Reads a URL as people write it; slashes at its end make no difference.
    pub fn parse(text: &str) -> Result<Self, BaseError> {
        // `Uri` drops a fragment without a word, so it is looked for first.
        if text.contains('#') {
            return Err(BaseError::Fragment);
        }
        let uri: Uri = text.parse().map_err(|_| BaseError::NotAbsolute)?;
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) | None => return Err(BaseError::NotAbsolute),
        };
        let authority = uri.authority().ok_or(BaseError::NotAbsolute)?;
        check_authority(authority)?;
        if uri.query().is_some() {
            return Err(BaseError::Query);
        }
        check_path(uri.path())?;
        let scheme = if https { "https" } else { "http" };
        let path = uri.path().trim_end_matches('/');
        Ok(Self { url: format!("{scheme}://{authority}{path}/"), https })
    }

    /// The URL, with its slash at the end.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Whether its scheme is https.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host and its port, as they are written in the URL.
    pub fn authority(&self) -> &str {
        self.origin().split("://").nth(1).unwrap_or_default().trim_end_matches('/')
    }

    /// The host, as it is written in the URL, without its port.
    pub fn host(&self) -> &str {
        let host = self.authority();
        match host.rsplit_once(':') {
            // A colon of an IPv6 address stands within brackets.
            Some((host, port)) if !port.ends_with(']') => host,
            Some(_) | None => host,
        }
    }

    /// Whether it has no path.
    pub(super) fn is_root(&self) -> bool {
        self.origin().len() == self.url.len()
    }

    /// Whether both have the same scheme, host and port.
    pub(super) fn is_same_host(&self, other: &Self) -> bool {
        self.origin().eq_ignore_ascii_case(other.origin())
    }

    /// Scheme, host and port, and the slash behind them.
    fn origin(&self) -> &str {
        let host = self.url.find("://").map_or(0, |at| at + "://".len());
        let end = self.url[host..].find('/').map_or(self.url.len(), |at| host + at + 1);
        &self.url[..end]
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn check_authority(authority: &Authority) -> Result<(), BaseError> {
    let text = authority.as_str();
    if text.contains('@') {
        return Err(BaseError::UserInfo);
    }
    if authority.host().is_empty() {
        return Err(BaseError::NotAbsolute);
    }
    // `Authority` accepts `host:99999` and `host:`, and then says that there is no port.
    match text.strip_prefix(authority.host()) {
        Some("") => Ok(()),
        Some(_) if authority.port_u16().is_some() => Ok(()),
        Some(_) | None => Err(BaseError::Port),
    }
}

pub(super) fn check_path(path: &str) -> Result<(), BaseError> {
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(BaseError::DotSegment);
    }
    // RFC 3986 §3.3, `pchar` and the slash between segments.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
    if path.bytes().all(allowed) { Ok(()) } else { Err(BaseError::Character) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_ends_in_one_slash() {
        for (given, url) in [
            ("https://cdn.example.com", "https://cdn.example.com/"),
            ("https://cdn.example.com/", "https://cdn.example.com/"),
            ("https://cdn.example.com//", "https://cdn.example.com/"),
            ("http://127.0.0.1:8333/bucket/prefix", "http://127.0.0.1:8333/bucket/prefix/"),
            ("http://[::1]:8080/v1/AUTH_test/images/", "http://[::1]:8080/v1/AUTH_test/images/"),
            ("HTTPS://cdn.example.com/a%20b", "https://cdn.example.com/a%20b/"),
        ] {
            let base = Base::parse(given).unwrap();
            assert_eq!(base.as_str(), url, "{given}");
            assert_eq!(base.is_https(), url.starts_with("https:"), "{given}");
        }
    }

    #[test]
    fn a_host_is_told_from_a_path() {
        let base = |text: &str| Base::parse(text).unwrap();
        assert!(base("https://registry.example.com").is_root());
        assert!(!base("https://registry.example.com/a").is_root());
        for (text, host) in [
            ("https://a.test/x", "a.test"),
            ("http://a.test:80/x:y", "a.test"),
            ("http://[::1]/", "[::1]"),
            ("http://[::1]:80/", "[::1]"),
        ] {
            assert_eq!(base(text).host(), host);
        }
        for (one, other, same) in [
            ("https://a.test/x", "https://A.test/y", true),
            ("https://a.test:444", "https://a.test:444/x", true),
            ("https://a.test", "http://a.test", false),
            ("https://a.test", "https://a.test:444", false),
            ("https://a.test", "https://b.test", false),
        ] {
            assert_eq!(base(one).is_same_host(&base(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn what_cannot_be_a_base_says_why() {
        use BaseError::*;
        for (given, why) in [
            ("", NotAbsolute),
            ("cdn.example.com", NotAbsolute),
            ("/objects", NotAbsolute),
            ("//cdn.example.com", NotAbsolute),
            ("ftp://cdn.example.com", NotAbsolute),
            ("https://", NotAbsolute),
            ("https:///path", NotAbsolute),
            ("http://:80/", NotAbsolute),
            ("https://cdn.example.com/a b", NotAbsolute),
            ("https://cdn.example.com/\r\nSet-Cookie: a=b", NotAbsolute),
            (" https://cdn.example.com", NotAbsolute),
            ("https://user@cdn.example.com", UserInfo),
            ("https://user:secret@cdn.example.com", UserInfo),
            ("https://cdn.example.com:99999", Port),
            ("https://cdn.example.com:", Port),
            ("https://cdn.example.com?x=1", Query),
            ("https://cdn.example.com/p?", Query),
            ("https://cdn.example.com/#top", Fragment),
            ("https://cdn.example.com/a/../b", DotSegment),
            ("https://cdn.example.com/./b", DotSegment),
            ("https://cdn.example.com/bücket", Character),
            ("https://cdn.example.com/a\"b", Character),
        ] {
            assert_eq!(Base::parse(given), Err(why), "{given}");
        }
    }
}
