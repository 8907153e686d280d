//! What is sent as `Authorization`, by repository: learned from the registry's own answers.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use contract::name::Repository;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::sync::Mutex;

use super::address::{Host, Plain};
use super::challenge::{Challenge, challenge};
use super::credentials::{Credentials, Keyring};
use super::token::Wanted;
use crate::anonymous::Anonymous;
use crate::store::Kind;
use crate::store::failure::Failure;

/// Who we are to one registry.
pub(super) struct Login {
    host: Host,
    plain: Plain,
    keyring: Arc<Keyring>,
    held: Mutex<HashMap<Repository, Arc<HeaderValue>>>,
}

impl Login {
    /// To this registry.
    pub(super) fn new(host: Host, plain: Plain, keyring: Arc<Keyring>) -> Self {
        Self { host, plain, keyring, held: Mutex::default() }
    }

    /// What the last request for the repository was let in with.
    pub(super) async fn held(&self, repository: &Repository) -> Option<Arc<HeaderValue>> {
        self.held.lock().await.get(repository).cloned()
    }

    /// What to send instead of what was rejected, by the headers of the 401. Those who ask meanwhile wait for it.
    pub(super) async fn renew(
        &self,
        http: &Anonymous,
        repository: &Repository,
        headers: &HeaderMap,
        rejected: Option<&Arc<HeaderValue>>,
        patience: Duration,
    ) -> Result<Arc<HeaderValue>, Failure> {
        let mut held = self.held.lock().await;
        if let Some(newer) = held.get(repository)
            && !rejected.is_some_and(|rejected| Arc::ptr_eq(rejected, newer))
        {
            return Ok(Arc::clone(newer));
        }
        let unknown = || {
            Failure::new(Kind::Credentials, "it answered 401, and asks for neither a token nor a password")
        };
        let asked = challenge(headers).ok_or_else(unknown)?;
        let credentials = self.keyring.find(&self.host, repository).await.map_err(|error| {
            let why = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            Failure::new(Kind::Credentials, format!("{error}{why}"))
        })?;
        let value = match &asked {
            Challenge::Basic => basic(credentials.as_ref())?,
            Challenge::Bearer { realm, service, scope } => {
                let (service, scope) = (service.as_deref(), scope.as_deref());
                let wanted =
                    Wanted { realm, service, scope, repository, registry: &self.host, plain: &self.plain };
                wanted.issue(http, credentials.as_ref(), patience).await?
            }
        };
        let value = Arc::new(value);
        held.insert(repository.clone(), Arc::clone(&value));
        Ok(value)
    }
}

fn basic(credentials: Option<&Credentials>) -> Result<HeaderValue, Failure> {
    let failed = |why: &str| Failure::new(Kind::Credentials, why);
    let Some(Credentials::Basic { username, password }) = credentials else {
        return Err(failed("it wants a user and a password, and none are known"));
    };
    let text = format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")));
    let mut value = HeaderValue::from_str(&text).map_err(|_| failed("the password fits no header"))?;
    value.set_sensitive(true);
    Ok(value)
}
