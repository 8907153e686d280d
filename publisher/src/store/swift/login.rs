//! Who asks, from the environment: the variables that OpenStack's own programs read.
//!
//! [Auth v1](https://docs.openstack.org/swift/latest/overview_auth.html): `ST_AUTH`, `ST_USER`, `ST_KEY`.
//! [Keystone v3](https://docs.openstack.org/python-openstackclient/latest/cli/man/openstack.html): `OS_AUTH_URL`, and a
//! password or an application credential.

use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};
use url::Url;

/// How a session with the cluster begins. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Login {
    pub(super) way: Way,
    /// In place of the URL that the cluster names.
    pub(super) storage_url: Option<Url>,
    /// PEM certificates to trust beside the machine's.
    pub(super) authorities: Option<PathBuf>,
}

#[derive(Clone)]
pub(super) enum Way {
    V1 { url: Url, user: String, key: String },
    V3 { url: Url, request: Value, wanted: Wanted },
}

/// Which of a catalog's endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) interface: String,
    pub(super) region: Option<String>,
}

/// Settings that lead to no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Nothing is set.
    #[error(
        "the environment names no credentials: neither ST_AUTH, ST_USER and ST_KEY, nor OS_AUTH_URL with a password or an application credential"
    )]
    None,
    /// Something is set, something else is not.
    #[error("{0} is not set")]
    Lacks(&'static str),
    /// Not a URL to send requests to.
    #[error("{0} is not an http or https URL without user and query")]
    Url(&'static str),
    /// Keystone's API before v3.
    #[error("OS_AUTH_URL names Keystone v2: only v3 is spoken")]
    Version,
    /// `OS_INTERFACE`.
    #[error("`{0}` is not an interface: OS_INTERFACE is public, internal or admin")]
    Interface(String),
}

/// A variable's value, by its name.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Login {
    /// What the variables say; `get` gives one by its name. `ST_AUTH` wins over `OS_AUTH_URL`.
    ///
    /// # Errors
    /// When they do not suffice. No value that may be secret is repeated.
    pub fn of(get: impl Fn(&str) -> Option<String>) -> Result<Self, LoginError> {
        let get: Lookup<'_> = &|name| get(name).filter(|value| !value.is_empty());
        let way = if get("ST_AUTH").is_some() {
            Way::V1 { url: url(get, "ST_AUTH")?, user: must(get, "ST_USER")?, key: must(get, "ST_KEY")? }
        } else if get("OS_AUTH_URL").is_some() {
            Way::V3 { url: tokens(url(get, "OS_AUTH_URL")?)?, request: request(get)?, wanted: wanted(get)? }
        } else {
            return Err(LoginError::None);
        };
        let storage_url = get("OS_STORAGE_URL").map(|_| url(get, "OS_STORAGE_URL")).transpose()?;
        Ok(Self { way, storage_url, authorities: get("OS_CACERT").map(PathBuf::from) })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (way, url) = match &self.way {
            Way::V1 { url, .. } => ("v1", url),
            Way::V3 { url, .. } => ("v3", url),
        };
        f.debug_struct("Login").field("way", &way).field("url", &url.as_str()).finish_non_exhaustive()
    }
}

fn must(get: Lookup<'_>, name: &'static str) -> Result<String, LoginError> {
    get(name).ok_or(LoginError::Lacks(name))
}

fn url(get: Lookup<'_>, name: &'static str) -> Result<Url, LoginError> {
    let url = Url::parse(&must(get, name)?).map_err(|_| LoginError::Url(name))?;
    let user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || user || url.query().is_some() || url.fragment().is_some()
    {
        return Err(LoginError::Url(name));
    }
    Ok(url)
}

/// Where [tokens are issued](https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management).
fn tokens(mut url: Url) -> Result<Url, LoginError> {
    let path = url.path().trim_end_matches('/').to_owned();
    let path = match path.rsplit('/').next() {
        Some("v3") => path,
        Some("v2.0") => return Err(LoginError::Version),
        _ => format!("{path}/v3"),
    };
    url.set_path(&format!("{path}/auth/tokens"));
    Ok(url)
}

fn wanted(get: Lookup<'_>) -> Result<Wanted, LoginError> {
    let text = get("OS_INTERFACE").or_else(|| get("OS_ENDPOINT_TYPE")).unwrap_or_else(|| "public".to_owned());
    // Keystone v2 called it `publicURL`; environment files still do.
    let interface = text.trim_end_matches("URL").to_owned();
    if !matches!(interface.as_str(), "public" | "internal" | "admin") {
        return Err(LoginError::Interface(text));
    }
    Ok(Wanted { interface, region: get("OS_REGION_NAME") })
}

fn request(get: Lookup<'_>) -> Result<Value, LoginError> {
    let of_application = get("OS_AUTH_TYPE").is_some_and(|way| way.contains("applicationcredential"))
        || get("OS_APPLICATION_CREDENTIAL_SECRET").is_some();
    if of_application {
        let mut credential = json!({ "secret": must(get, "OS_APPLICATION_CREDENTIAL_SECRET")? });
        if let Some(id) = get("OS_APPLICATION_CREDENTIAL_ID") {
            credential["id"] = id.into();
        } else {
            credential["name"] = must(get, "OS_APPLICATION_CREDENTIAL_NAME")?.into();
            credential["user"] = user(get)?;
        }
        // It is bound to a project: asking for one is refused.
        let identity = json!({ "methods": ["application_credential"], "application_credential": credential });
        return Ok(json!({ "auth": { "identity": identity } }));
    }
    let mut user = user(get)?;
    user["password"] = must(get, "OS_PASSWORD")?.into();
    let mut auth = json!({ "identity": { "methods": ["password"], "password": { "user": user } } });
    if let Some(project) = project(get) {
        auth["scope"] = json!({ "project": project });
    }
    Ok(json!({ "auth": auth }))
}

fn user(get: Lookup<'_>) -> Result<Value, LoginError> {
    if let Some(id) = get("OS_USER_ID") {
        return Ok(json!({ "id": id }));
    }
    let domain = domain(get, "OS_USER_DOMAIN_ID", "OS_USER_DOMAIN_NAME");
    Ok(json!({ "name": must(get, "OS_USERNAME")?, "domain": domain }))
}

/// `None` for the user's own project.
fn project(get: Lookup<'_>) -> Option<Value> {
    if let Some(id) = get("OS_PROJECT_ID").or_else(|| get("OS_TENANT_ID")) {
        return Some(json!({ "id": id }));
    }
    let name = get("OS_PROJECT_NAME").or_else(|| get("OS_TENANT_NAME"))?;
    Some(json!({ "name": name, "domain": domain(get, "OS_PROJECT_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME") }))
}

/// OpenStack's programs take `default` where none is named.
fn domain(get: Lookup<'_>, id: &str, name: &str) -> Value {
    match (get(id), get(name)) {
        (Some(id), _) => json!({ "id": id }),
        (None, Some(name)) => json!({ "name": name }),
        (None, None) => json!({ "id": get("OS_DEFAULT_DOMAIN").unwrap_or_else(|| "default".to_owned()) }),
    }
}

#[cfg(test)]
mod tests;
