//! Sessions: a token and the account's URL, begun anew when the cluster no longer takes the token.

use std::collections::BTreeSet;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::super::failure::Failure;
use super::super::requests::Requests;
use super::super::{Kind, Patience};
use super::http::{Answer, Call, exchange};
use super::login::{Login, Wanted, Way};

/// All but [RFC 3986's unreserved characters](https://www.rfc-editor.org/rfc/rfc3986#section-2.3) and the slash.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// What a login gives.
pub(super) struct Session {
    token: HeaderValue,
    storage_url: Url,
}

impl Session {
    /// The URL of a path in the account (`container/object`), with a query that may be empty.
    pub(super) fn url(&self, path: &str, query: &str) -> Url {
        let mut url = self.storage_url.clone();
        let account = url.path().trim_end_matches('/').to_owned();
        let path = if path.is_empty() { String::new() } else { format!("/{}", escaped(path)) };
        url.set_path(&format!("{account}{path}"));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url
    }

    /// Where [the cluster tells its limits](https://docs.openstack.org/swift/latest/api/discoverability.html).
    pub(super) fn info_url(&self) -> Url {
        let mut url = self.storage_url.clone();
        url.set_path("/info");
        url
    }

    /// The header that says who asks.
    pub(super) fn header(&self) -> HeaderMap {
        HeaderMap::from_iter([(TOKEN, self.token.clone())])
    }
}

/// A path as requests carry it.
pub(super) fn escaped(path: &str) -> String {
    utf8_percent_encode(path, ESCAPED).to_string()
}

/// The session that all requests share.
pub(super) struct Sessions {
    login: Login,
    current: Mutex<Option<Arc<Session>>>,
}

impl Sessions {
    pub(super) fn new(login: Login) -> Self {
        Self { login, current: Mutex::default() }
    }

    /// The session, or a new one where there is none or this one was rejected. Those who ask meanwhile wait for it.
    pub(super) async fn get(
        &self,
        http: &Client,
        requests: &Requests,
        rejected: Option<&Arc<Session>>,
    ) -> Result<Arc<Session>, Failure> {
        let mut current = self.current.lock().await;
        if let Some(session) = &*current
            && !rejected.is_some_and(|rejected| Arc::ptr_eq(rejected, session))
        {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(requests.answer(|| begin(http, &requests.patience, &self.login)).await?);
        *current = Some(Arc::clone(&session));
        Ok(session)
    }
}

async fn begin(http: &Client, patience: &Patience, login: &Login) -> Result<Session, Failure> {
    let session = match &login.way {
        Way::V1 { url, user, key } => {
            let mut call = Call::new(Method::GET);
            call.headers.insert("x-auth-user", secret(user, "ST_USER")?);
            call.headers.insert("x-auth-key", secret(key, "ST_KEY")?);
            let answer = exchange(http, patience, url, &call, HeaderMap::new())
                .await
                .map_err(|failure| refused(url, failure))?;
            let given =
                login.storage_url.as_ref().map(Url::as_str).or_else(|| answer.header("x-storage-url"));
            Session { token: token(&answer, "x-auth-token")?, storage_url: account(given)? }
        }
        Way::V3 { url, request, wanted } => {
            let mut call = Call::new(Method::POST);
            call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            call.body = request.to_string().into();
            let answer = exchange(http, patience, url, &call, HeaderMap::new())
                .await
                .map_err(|failure| refused(url, failure))?;
            let storage_url = match &login.storage_url {
                Some(given) => given.clone(),
                None => account(Some(&endpoint(&answer.body, wanted)?))?,
            };
            Session { token: token(&answer, "x-subject-token")?, storage_url }
        }
    };
    Ok(session)
}

/// The login's answers mean credentials, whatever they would mean of an object.
fn refused(url: &Url, failure: Failure) -> Failure {
    let kind = match failure.status {
        401 | 403 => Kind::Credentials,
        404 => Kind::Other,
        _ => failure.kind,
    };
    let said = if failure.status == 0 { failure.said } else { format!("{url}: {}", failure.said) };
    Failure { kind, said, ..failure }
}

fn secret(text: &str, name: &str) -> Result<HeaderValue, Failure> {
    let refused = |_| Failure::new(Kind::Credentials, format!("{name} holds what no header can"));
    let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(refused)?;
    value.set_sensitive(true);
    Ok(value)
}

fn token(answer: &Answer, name: &str) -> Result<HeaderValue, Failure> {
    let token = answer.headers.get(name).cloned();
    let mut token = token.ok_or_else(|| Failure::new(Kind::Other, format!("the login gave no {name}")))?;
    token.set_sensitive(true);
    Ok(token)
}

fn account(text: Option<&str>) -> Result<Url, Failure> {
    let url =
        text.and_then(|text| Url::parse(text).ok()).filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| Failure::new(Kind::Other, "the login gave no URL of an account"))
}

/// [A token's answer](https://docs.openstack.org/api-ref/identity/v3/#password-authentication-with-scoped-authorization).
#[derive(Deserialize)]
struct Issued {
    token: Token,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    catalog: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    interface: String,
    region_id: Option<String>,
    /// What older Keystones tell alone.
    region: Option<String>,
    url: String,
}

impl Endpoint {
    fn region(&self) -> Option<&str> {
        self.region_id.as_deref().or(self.region.as_deref())
    }
}

/// The object store of the catalog. Two regions and none wanted is no choice of ours to make.
fn endpoint(body: &[u8], wanted: &Wanted) -> Result<String, Failure> {
    let other = |said: String| Failure::new(Kind::Other, said);
    let issued: Issued =
        serde_json::from_slice(body).map_err(|_| other("Keystone's answer cannot be read".into()))?;
    let stores = issued.token.catalog.into_iter().filter(|service| service.kind == "object-store");
    let stores: Vec<Endpoint> = stores.flat_map(|service| service.endpoints).collect();
    let mut found: Vec<&Endpoint> =
        stores.iter().filter(|store| store.interface == wanted.interface).collect();
    let regions: BTreeSet<&str> = found.iter().filter_map(|store| store.region()).collect();
    let regions = regions.into_iter().collect::<Vec<_>>().join(", ");
    if let Some(region) = &wanted.region {
        found.retain(|store| store.region() == Some(region));
    }
    match found.as_slice() {
        [store] => Ok(store.url.clone()),
        [] => {
            let region =
                wanted.region.as_deref().map_or_else(String::new, |region| format!(" in region {region}"));
            let there =
                if regions.is_empty() { String::new() } else { format!("; it has some in {regions}") };
            let interface = &wanted.interface;
            Err(other(format!("Keystone's catalog names no {interface} object store{region}{there}")))
        }
        [..] => {
            Err(other(format!("Keystone's catalog names object stores in {regions}: set OS_REGION_NAME")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(interface: &str, region: Option<&str>) -> Result<String, String> {
        let store = |interface: &str, region: &str| json!({"interface": interface, "region": region, "region_id": region, "url": format!("http://{interface}-{region}")});
        let body = json!({"token": {"catalog": [
            {"type": "identity", "endpoints": [store("public", "R9")]},
            {"type": "object-store", "endpoints": [store("public", "R1"), store("internal", "R1"), store("public", "R2")]},
        ]}});
        let wanted = Wanted { interface: interface.into(), region: region.map(str::to_owned) };
        endpoint(body.to_string().as_bytes(), &wanted).map_err(|failure| failure.said)
    }

    #[test]
    fn the_catalog_is_searched_by_interface_and_region() {
        assert_eq!(chosen("public", Some("R2")), Ok("http://public-R2".into()));
        assert_eq!(chosen("internal", None), Ok("http://internal-R1".into()));
        let several = "Keystone's catalog names object stores in R1, R2: set OS_REGION_NAME";
        assert_eq!(chosen("public", None), Err(several.into()));
        let none = "Keystone's catalog names no public object store in region R3; it has some in R1, R2";
        assert_eq!(chosen("public", Some("R3")), Err(none.into()));
        let none = "Keystone's catalog names no admin object store";
        assert_eq!(chosen("admin", None), Err(none.into()));
    }

    #[test]
    fn paths_are_escaped_below_the_account() {
        let storage_url = "http://h:1/v1/AUTH_a/".parse().unwrap();
        let session = Session { token: HeaderValue::from_static("t"), storage_url };
        let url = session.url("c/a b?%/ü", "multipart-manifest=get");
        assert_eq!(url.as_str(), "http://h:1/v1/AUTH_a/c/a%20b%3F%25/%C3%BC?multipart-manifest=get");
        assert_eq!(session.url("", "bulk-delete").as_str(), "http://h:1/v1/AUTH_a?bulk-delete");
        assert_eq!(session.info_url().as_str(), "http://h:1/info");
    }
}
