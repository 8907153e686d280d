//! Tokens: what a registry's token service issues
//! ([token.md](https://distribution.github.io/distribution/spec/auth/token/),
//! [oauth.md](https://distribution.github.io/distribution/spec/auth/oauth/)).

use std::time::Duration;

use contract::name::Repository;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use tokio::time::timeout;
use url::{Url, form_urlencoded};

use super::answer::{late, refused, whole};
use super::credentials::Credentials;
use crate::store::Kind;
use crate::store::failure::Failure;

/// Largest answer of a token service. Tokens are sent in headers, which servers limit to some KiB.
const TOKEN_MAX: u64 = 1 << 20;
/// How this program calls itself where a service wants to know.
const CLIENT_ID: &str = env!("CARGO_PKG_NAME");

/// What is asked of a token service.
pub(super) struct Wanted<'a> {
    /// Where it is.
    pub realm: &'a str,
    /// For which registry.
    pub service: Option<&'a str>,
    /// For which right; to pull from the repository, where the registry does not say.
    pub scope: Option<&'a str>,
    /// For which repository.
    pub repository: &'a Repository,
    /// Whether the registry itself is asked without TLS: only then a service may be.
    pub plain: bool,
}

#[derive(Deserialize)]
struct Issued {
    token: Option<String>,
    access_token: Option<String>,
}

impl Wanted<'_> {
    /// Has a token issued, as the value of `Authorization`.
    pub(super) async fn issue(
        &self,
        http: &Client,
        credentials: Option<&Credentials>,
        patience: Duration,
    ) -> Result<HeaderValue, Failure> {
        if let Some(Credentials::Token(token)) = credentials {
            return bearer(token);
        }
        let realm = self.realm()?;
        let name = realm.origin().ascii_serialization();
        let of_service = |failure: Failure| Failure {
            said: format!("its token service {name}: {}", failure.said),
            ..failure
        };
        let request = self.request(http, realm, credentials);
        let sent = timeout(patience, request.send()).await.map_err(|_| of_service(late()))?;
        let response = sent.map_err(|error| of_service(error.into()))?;
        if !response.status().is_success() {
            let failure = refused(response, patience).await;
            // Whatever these mean elsewhere, of tokens they mean who asks.
            let kind = if matches!(failure.status, 400 | 403) { Kind::Credentials } else { failure.kind };
            return Err(of_service(Failure { kind, ..failure }));
        }
        let body = whole(response, TOKEN_MAX, patience).await.map_err(of_service)?;
        let issued = serde_json::from_slice::<Issued>(&body).ok();
        let token =
            issued.and_then(|issued| issued.token.or(issued.access_token)).filter(|token| !token.is_empty());
        bearer(&token.ok_or_else(|| of_service(Failure::new(Kind::Other, "its answer holds no token")))?)
    }

    fn realm(&self) -> Result<Url, Failure> {
        let refuse = |why| Failure::new(Kind::Other, format!("its token service {why}"));
        let url = Url::parse(self.realm).map_err(|_| refuse("has no valid URL"))?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.plain => Ok(url),
            _ => Err(refuse("is not asked by TLS: no password is sent there")),
        }
    }

    fn request(&self, http: &Client, mut realm: Url, credentials: Option<&Credentials>) -> RequestBuilder {
        let pull = format!("repository:{}:pull", self.repository);
        let scope = self.scope.unwrap_or(&pull);
        let service = self.service.map(|service| ("service", service));
        if let Some(Credentials::Refresh(token)) = credentials {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(service).append_pair("scope", scope);
            form.extend_pairs([
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT_ID),
                ("refresh_token", token),
            ]);
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            return http.post(realm).header(CONTENT_TYPE, form_type).body(form.finish());
        }
        realm
            .query_pairs_mut()
            .extend_pairs(service)
            .extend_pairs(scope.split_whitespace().map(|one| ("scope", one)));
        let Some(Credentials::Basic { username, password }) = credentials else { return http.get(realm) };
        realm.query_pairs_mut().append_pair("account", username);
        http.get(realm).basic_auth(username, Some(password))
    }
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let unfit = |_| Failure::new(Kind::Other, "its token holds what no header can");
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use reqwest::header::AUTHORIZATION;

    use super::*;

    fn asked(realm: &str, scope: Option<&str>, credentials: Option<&Credentials>) -> reqwest::Request {
        let repository = "acme/app".parse().unwrap();
        let wanted = Wanted { realm, service: Some("a b"), scope, repository: &repository, plain: false };
        wanted.request(&Client::new(), wanted.realm().unwrap(), credentials).build().unwrap()
    }

    #[test]
    fn a_service_is_asked_as_the_spec_has_it() {
        let request = asked("https://h/t?x=1", None, None);
        assert_eq!(
            request.url().as_str(),
            "https://h/t?x=1&service=a+b&scope=repository%3Aacme%2Fapp%3Apull"
        );
        assert!(request.headers().get(AUTHORIZATION).is_none());

        let user = Credentials::Basic { username: "u".into(), password: "p".into() };
        let request = asked("https://h/t", Some("one two"), Some(&user));
        assert_eq!(request.url().as_str(), "https://h/t?service=a+b&scope=one&scope=two&account=u");
        assert_eq!(request.headers()[AUTHORIZATION], "Basic dTpw");
        assert!(request.headers()[AUTHORIZATION].is_sensitive());

        let request = asked("https://h/t", None, Some(&Credentials::Refresh("r&".into())));
        assert_eq!((request.method(), request.url().as_str()), (&Method::POST, "https://h/t"));
        let form = "service=a+b&scope=repository%3Aacme%2Fapp%3Apull&grant_type=refresh_token\
                    &client_id=registry-publisher&refresh_token=r%26";
        assert_eq!(request.body().unwrap().as_bytes().unwrap(), form.as_bytes());
    }

    #[test]
    fn passwords_go_nowhere_without_tls() {
        let repository = "a".parse().unwrap();
        for (realm, plain, good) in [
            ("https://h/t", false, true),
            ("http://h/t", false, false),
            ("http://h/t", true, true),
            ("ftp://h/t", true, false),
            ("/t", true, false),
        ] {
            let wanted = Wanted { realm, service: None, scope: None, repository: &repository, plain };
            assert_eq!(wanted.realm().is_ok(), good, "{realm}");
        }
    }
}
