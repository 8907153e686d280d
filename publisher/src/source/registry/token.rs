//! Tokens: what a registry's token service issues
//! ([token.md](https://distribution.github.io/distribution/spec/auth/token/),
//! [oauth.md](https://distribution.github.io/distribution/spec/auth/oauth/)).

use std::time::Duration;

use contract::name::Repository;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use tokio::time::timeout;
use url::{Url, form_urlencoded};

use super::address::{Host, Plain};
use super::answer::{late, refused, whole};
use super::credentials::Credentials;
use crate::anonymous::Anonymous;
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
    /// Who sends us there.
    pub registry: &'a Host,
    /// Who may be asked without TLS.
    pub plain: &'a Plain,
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
        http: &Anonymous,
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
            return Err(of_service(of_tokens(failure)));
        }
        let body = whole(response, TOKEN_MAX, patience).await.map_err(of_service)?;
        let issued = serde_json::from_slice::<Issued>(&body).ok();
        let token =
            issued.and_then(|issued| issued.token.or(issued.access_token)).filter(|token| !token.is_empty());
        bearer(&token.ok_or_else(|| of_service(Failure::new(Kind::Other, "its answer holds no token")))?)
    }

    fn realm(&self) -> Result<Url, Failure> {
        let refuse = |why: &str| Failure::new(Kind::Other, format!("its token service {why}"));
        let url = Url::parse(self.realm).map_err(|_| refuse("has no valid URL"))?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.plain.permits(self.registry, &url) => Ok(url),
            _ => {
                let host = url.host_str().unwrap_or(self.realm);
                Err(refuse(&format!("{host} is not asked by TLS, and --insecure-source does not name it")))
            }
        }
    }

    fn request(&self, http: &Anonymous, mut realm: Url, credentials: Option<&Credentials>) -> RequestBuilder {
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
            return http.request(Method::POST, realm).header(CONTENT_TYPE, form_type).body(form.finish());
        }
        realm
            .query_pairs_mut()
            .extend_pairs(service)
            .extend_pairs(scope.split_whitespace().map(|one| ("scope", one)));
        let Some(Credentials::Basic { username, password }) = credentials else {
            return http.request(Method::GET, realm);
        };
        realm.query_pairs_mut().append_pair("account", username);
        http.request(Method::GET, realm).basic_auth(username, Some(password))
    }
}

/// A refusal as what it means: the answers of a registry mean other things. Nothing that is asked for is missing because
/// nobody is there who issues tokens.
fn of_tokens(failure: Failure) -> Failure {
    let kind = match failure.kind {
        _ if matches!(failure.status, 400 | 403) => Kind::Credentials,
        Kind::Missing => Kind::Other,
        kind => kind,
    };
    let status = if failure.passes { failure.status } else { 0 };
    Failure { kind, status, ..failure }
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let unfit = |_| Failure::new(Kind::Other, "its token holds what no header can");
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use reqwest::header::AUTHORIZATION;

    use super::*;

    fn asked(realm: &str, scope: Option<&str>, credentials: Option<&Credentials>) -> reqwest::Request {
        let repository = "acme/app".parse().unwrap();
        let plain = &Plain::default();
        let registry = &Host::parse("h").unwrap();
        let wanted = Wanted { realm, service: Some("a b"), scope, repository: &repository, registry, plain };
        wanted.request(&Anonymous::new().unwrap(), wanted.realm().unwrap(), credentials).build().unwrap()
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
        let plain = &Plain { hosts: vec![Host::parse("h:5000").unwrap()], certified: None };
        for (registry, realm, good) in [
            ("other", "https://another/t", true),
            ("other", "http://h:5001/t", false),
            ("other", "http://127.0.0.1:5001/t", false),
            ("h:5000", "http://another/t", false),
            ("h:5000", "http://h:5001/t", true),
            ("localhost", "http://127.0.0.1:5001/t", true),
            ("localhost", "http://another/t", false),
            ("localhost", "ftp://localhost/t", false),
            ("localhost", "/t", false),
        ] {
            let registry = &Host::parse(registry).unwrap();
            let wanted =
                Wanted { realm, service: None, scope: None, repository: &repository, registry, plain };
            assert_eq!(wanted.realm().is_ok(), good, "{realm}");
        }
    }
}
