//! The container, and its list of who may read.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use super::super::failure::Failure;
use super::super::ground::{Grant, Ground};
use super::super::{Kind, StoreError};
use super::Swift;
use super::http::Call;

/// [Container ACLs](https://docs.openstack.org/swift/latest/overview_acl.html#container-acls).
const READ: HeaderName = HeaderName::from_static("x-container-read");
/// Everybody may read objects, and may not list them.
const EVERYBODY: &str = ".r:*";

impl Swift {
    async fn acl(&self) -> Result<String, Failure> {
        let head = self.call(&self.location.container, "", &Call::new(Method::HEAD)).await;
        Ok(head?.header(READ.as_str()).unwrap_or_default().to_owned())
    }

    async fn tell_container(&self, method: Method, acl: Option<&str>) -> Result<(), Failure> {
        let mut call = Call::new(method);
        if let Some(acl) = acl {
            let fits = |_| Failure::new(Kind::Other, "the container's ACL fits no header");
            call.headers.insert(READ, HeaderValue::from_str(acl).map_err(fits)?);
        }
        self.call(&self.location.container, "", &call).await.map(|_| ())
    }
}

/// The ACL with everybody in it; `None` where they are. Who lets only some sites refer here has decided otherwise.
fn merged(acl: &str) -> Result<Option<String>, Failure> {
    let entries: Vec<&str> = acl.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    if entries.contains(&EVERYBODY) {
        return Ok(None);
    }
    let names = [".r:", ".ref:", ".referer:", ".referrer:"];
    if let Some(entry) = entries.iter().find(|entry| names.iter().any(|name| entry.starts_with(name))) {
        let said = format!("its ACL narrows who may read by `{entry}`: take that out, or add {EVERYBODY}");
        return Err(Failure::new(Kind::Other, said));
    }
    Ok(Some([&entries[..], &[EVERYBODY]].concat().join(",")))
}

#[async_trait]
impl Ground for Swift {
    async fn exists(&self) -> Result<bool, StoreError> {
        match self.look_at_container().await {
            Err(failure) if failure.kind == Kind::NoStore => Ok(false),
            looked => looked
                .map(|()| true)
                .map_err(|failure| self.failed(failure, "looking for the container".to_owned())),
        }
    }

    async fn create(&self) -> Result<(), StoreError> {
        let made = self.tell_container(Method::PUT, None).await;
        made.map_err(|failure| self.failed(failure, "creating the container".to_owned()))
    }

    async fn wanted(&self, exists: bool) -> Result<Option<Grant>, StoreError> {
        let acl = if exists { self.acl().await } else { Ok(String::new()) };
        let wanted = acl.and_then(|acl| merged(&acl));
        let wanted = wanted.map_err(|failure| self.failed(failure, "reading the container's ACL".to_owned()));
        Ok(wanted?.map(|text| Grant { what: "container ACL (X-Container-Read)", text }))
    }

    async fn grant(&self, grant: &Grant) -> Result<(), StoreError> {
        let told = self.tell_container(Method::POST, Some(&grant.text)).await;
        told.map_err(|failure| self.failed(failure, "setting the container's ACL".to_owned()))
    }

    /// Swift knows no unfinished uploads: segments are objects.
    async fn abort_unfinished(&self, _after: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    async fn public_url(&self) -> Result<Option<String>, StoreError> {
        let session = self.session(None).await;
        let session = session.map_err(|failure| self.failed(failure, "logging in".to_owned()))?;
        let path = self.in_account(&self.location.prefix);
        Ok(Some(session.url(path.trim_end_matches('/'), "").to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_added_to_who_is_there() {
        for (acl, expected) in [
            ("", Some(".r:*")),
            ("project:*, other:user", Some("project:*,other:user,.r:*")),
            (".rlistings", Some(".rlistings,.r:*")),
            ("a:b,.r:*", None),
        ] {
            assert_eq!(merged(acl).unwrap().as_deref(), expected, "{acl}");
        }
        for narrowed in [".r:example.com", "a:b,.r:-bad.example.com", ".referrer:x"] {
            assert!(merged(narrowed).unwrap_err().said.contains("narrows"), "{narrowed}");
        }
    }
}
