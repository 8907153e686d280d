//! Who is told, as the settings file says it: `[[webhooks]]` and `[[purges]]`. Secrets are in the environment alone. Pure.

use reqwest::header::HeaderValue;
use serde::Deserialize;
use url::Url;

use super::Secret;
use super::purge::{By, Purge};
use super::webhook::{self, Format, Webhook};

/// One of `[[webhooks]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WebhookFile {
    /// Where it listens.
    pub url: Option<String>,
    /// Which environment variable holds that, where the URL is a secret.
    pub url_env: Option<String>,
    /// `cloudevents` or `distribution`.
    #[serde(default)]
    pub format: Format,
    /// Which environment variable holds the secret.
    pub secret_env: Option<String>,
    /// Where clients pull: `https://registry.example.com`.
    pub registry: Option<String>,
    /// Whether the command fails where it cannot be told.
    #[serde(default)]
    pub required: bool,
}

/// One of `[[purges]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PurgeFile {
    /// Whose words.
    pub kind: Kind,
    /// Where the CDN serves the store: what the endpoint calls `--cdn`.
    pub base: String,
    /// Of `cloudfront`.
    pub distribution: Option<String>,
    /// Of `cloudflare`.
    pub zone: Option<String>,
    /// Which environment variable holds the token.
    pub token_env: Option<String>,
    /// Where the CDN's API is, if not where it is for everybody.
    pub api: Option<String>,
    /// Whether the command fails where it cannot be told.
    #[serde(default)]
    pub required: bool,
}

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Amazon's.
    CloudFront,
    /// Fastly's.
    Fastly,
    /// Cloudflare's.
    Cloudflare,
    /// `PURGE` of each URL.
    Purge,
    /// `BAN` of each URL.
    Ban,
}

/// Why nobody can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// A URL that is none.
    #[error("`{0}` in the settings file is not an http or https URL without user and query")]
    Url(String),
    /// A kind of purge without what it needs.
    #[error("{0} in the settings file")]
    Lacks(&'static str),
    /// A secret that nobody can sign with.
    #[error("the environment variable {0} begins with `whsec_`, and base64 does not follow")]
    Base64(String),
    /// A token that cannot be sent.
    #[error("the environment variable {0} holds what no header can, such as a line break")]
    Unfit(String),
    /// A variable that is not set.
    #[error("the settings file names the environment variable {0}, which is not set")]
    Unset(String),
}

/// A variable's value, by its name.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl WebhookFile {
    /// With its secret.
    pub fn resolve(&self, get: Lookup<'_>) -> Result<Webhook, AnnounceError> {
        let found = match (&self.url, &self.url_env) {
            (Some(text), None) => with_query(text)?,
            (None, Some(name)) => {
                let text = get(name).ok_or_else(|| AnnounceError::Unset(name.clone()))?;
                // Not repeated: it is a secret.
                with_query(&text).map_err(|_| AnnounceError::Url(format!("the value of {name}")))?
            }
            _ => return Err(AnnounceError::Lacks("a webhook has neither or both of `url` and `url-env`")),
        };
        Ok(Webhook {
            url: found,
            format: self.format,
            secret: self.secret(get)?,
            registry: self.registry.as_deref().map(url).transpose()?,
            required: self.required,
        })
    }

    fn secret(&self, get: Lookup<'_>) -> Result<Option<Secret>, AnnounceError> {
        let found = secret(self.secret_env.as_deref(), get)?;
        match found.as_ref().map(webhook::key) {
            Some(None) => Err(AnnounceError::Base64(self.secret_env.clone().unwrap_or_default())),
            Some(Some(_)) | None => Ok(found),
        }
    }
}

impl PurgeFile {
    /// With its token.
    pub fn resolve(&self, get: Lookup<'_>) -> Result<Purge, AnnounceError> {
        let api = |usual: &str| url(self.api.as_deref().unwrap_or(usual));
        let token = secret(self.token_env.as_deref(), get)?;
        if token.as_ref().is_some_and(|token| HeaderValue::from_str(&token.0).is_err()) {
            return Err(AnnounceError::Unfit(self.token_env.clone().unwrap_or_default()));
        }
        let by = match self.kind {
            Kind::CloudFront => By::CloudFront {
                api: api("https://cloudfront.amazonaws.com")?,
                distribution: self
                    .distribution
                    .clone()
                    .ok_or(AnnounceError::Lacks("a purge by cloudfront has no `distribution`"))?,
            },
            Kind::Fastly => By::Fastly {
                api: api("https://api.fastly.com")?,
                token: token.ok_or(AnnounceError::Lacks("a purge by fastly has no `token-env`"))?,
            },
            Kind::Cloudflare => By::Cloudflare {
                api: api("https://api.cloudflare.com")?,
                zone: self.zone.clone().ok_or(AnnounceError::Lacks("a purge by cloudflare has no `zone`"))?,
                token: token.ok_or(AnnounceError::Lacks("a purge by cloudflare has no `token-env`"))?,
            },
            Kind::Purge => By::Method { method: "PURGE", token },
            Kind::Ban => By::Method { method: "BAN", token },
        };
        Ok(Purge { base: url(&self.base)?, by, required: self.required })
    }
}

fn secret(name: Option<&str>, get: Lookup<'_>) -> Result<Option<Secret>, AnnounceError> {
    let Some(name) = name else { return Ok(None) };
    let value = get(name).filter(|value| !value.is_empty());
    value.map(|value| Some(Secret(value))).ok_or_else(|| AnnounceError::Unset(name.to_owned()))
}

fn url(text: &str) -> Result<Url, AnnounceError> {
    with_query(text).and_then(|url| match url.query() {
        None => Ok(url),
        Some(_) => Err(wrong(text)),
    })
}

fn with_query(text: &str) -> Result<Url, AnnounceError> {
    let right = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    };
    Url::parse(text).ok().filter(right).ok_or_else(|| wrong(text))
}

/// What is before an `@` may be a password.
fn wrong(text: &str) -> AnnounceError {
    AnnounceError::Url(text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}")))
}
