//! Docker's `config.json` and Podman's `auth.json`: one format, read as both programs read it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use contract::name::Repository;
use serde::Deserialize;

use super::super::address::Host;
use super::{Credentials, CredentialsError};

/// By which helpers know Docker Hub ([docker/cli](https://github.com/docker/cli/blob/master/cli/registry/client.go)).
const HUB_SERVER: &str = "https://index.docker.io/v1/";

/// Some programs that write these files leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One file.
pub(super) struct AuthFile {
    place: String,
    document: Document,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// Where a file says that credentials are.
pub(super) enum Kept<'a> {
    /// In it.
    Here(Credentials),
    /// With `docker-credential-NAME`, by the name of this server.
    ByHelper { name: &'a str, server: String },
}

impl AuthFile {
    /// From its bytes; `place` is how it is called in messages.
    pub(super) fn parse(bytes: &[u8], place: &str) -> Result<Self, CredentialsError> {
        let document =
            serde_json::from_slice(bytes).map_err(|_| CredentialsError::Syntax(place.to_owned()))?;
        Ok(Self { place: place.to_owned(), document })
    }

    /// What is said of a registry: its own helper, then what stands in the file, the longest path first, then the helper
    /// of all.
    pub(super) fn find(
        &self,
        host: &Host,
        repository: &Repository,
    ) -> Result<Option<Kept<'_>>, CredentialsError> {
        let Document { auths, cred_helpers, creds_store } = &self.document;
        let server = || if host.is_hub() { HUB_SERVER.to_owned() } else { host.to_string() };
        let of_host = cred_helpers.iter().find(|(key, _)| canonical(key) == host.as_str());
        if let Some((_, name)) = of_host {
            return Ok(Some(Kept::ByHelper { name, server: server() }));
        }
        for wanted in names(host, repository) {
            for (key, entry) in auths.iter().filter(|(key, _)| canonical(key) == wanted) {
                let wrong = || CredentialsError::Entry { place: self.place.clone(), key: key.clone() };
                if let Some(found) = entry.read().ok_or_else(wrong)? {
                    return Ok(Some(Kept::Here(found)));
                }
            }
        }
        Ok((!creds_store.is_empty()).then(|| Kept::ByHelper { name: creds_store, server: server() }))
    }
}

impl Entry {
    /// `None` is an entry that is wrong, `Some(None)` an empty one: Docker leaves those where a helper keeps the rest.
    fn read(&self) -> Option<Option<Credentials>> {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        if let Some(token) = given(&self.registrytoken) {
            return Some(Some(Credentials::Token(token)));
        }
        if let Some(token) = given(&self.identitytoken) {
            return Some(Some(Credentials::Refresh(token)));
        }
        let basic = |username, password| Some(Some(Credentials::Basic { username, password }));
        if self.auth.is_empty() {
            return if self.username.is_empty() {
                Some(None)
            } else {
                basic(self.username.clone(), self.password.clone())
            };
        }
        let text = String::from_utf8(BASE64.decode(self.auth.trim()).ok()?).ok()?;
        let (username, password) = text.split_once(':')?;
        // Docker has written NULs behind some.
        basic(username.to_owned(), password.trim_end_matches('\0').to_owned())
    }
}

/// The names under which a file may know a repository, the most special first.
fn names(host: &Host, repository: &Repository) -> Vec<String> {
    let full = format!("{host}/{repository}");
    let mut ends: Vec<usize> = full.match_indices('/').map(|(at, _)| at).collect();
    ends.push(full.len());
    ends.iter().rev().map(|&end| full[..end].to_owned()).collect()
}

/// A key without what Docker puts around a host: `https://index.docker.io/v1/` is `docker.io`.
fn canonical(key: &str) -> String {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let rest = rest.trim_end_matches('/');
    let rest = rest.strip_suffix("/v1").or_else(|| rest.strip_suffix("/v2")).unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Host::parse(host).map_or_else(|_| rest.to_owned(), |host| format!("{host}{path}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Any JSON, of the names that such files have and of others.
    fn document() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[a-z]{0,5}", "([a-z.]{1,6}:)?[0-9/a-z.]{0,9}", "[A-Za-z0-9+/=]{0,12}"];
        let name = prop_oneof!["auths|credHelpers|credsStore|auth|username|identitytoken", "[a-z.:/]{0,9}"];
        let leaf =
            prop_oneof![text.prop_map(Value::from), Just(Value::Null), any::<u8>().prop_map(Value::from)];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            proptest::collection::btree_map(name.clone(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        })
    }

    proptest! {
        #[test]
        fn whatever_stands_there_is_read_or_refused(document in document(), cut in any::<prop::sample::Index>()) {
            let text = document.to_string();
            for bytes in [text.as_bytes(), &text.as_bytes()[..cut.index(text.len() + 1)]] {
                let Ok(file) = AuthFile::parse(bytes, "f") else { continue };
                for host in ["docker.io", "ghcr.io:5000", "[::1]"] {
                    let found = file.find(&Host::parse(host).unwrap(), &"acme/app".parse().unwrap());
                    if let Err(error) = found {
                        prop_assert!(matches!(error, CredentialsError::Entry { .. }), "{}", error);
                    }
                }
            }
        }

        #[test]
        fn the_nearest_entry_is_found_to_the_letter(
            paths in prop::collection::btree_set(prop_oneof![Just(""), Just("/acme"), Just("/acme/app")], 1..4),
            username in "[ -9;-~]{1,12}",
            password in "\\PC{0,12}",
            padded in any::<bool>(),
            around in prop_oneof![Just(("", "")), Just(("https://", "")), Just(("", "/")), Just(("https://", "/v2/"))],
        ) {
            let auths: serde_json::Map<String, Value> = paths
                .iter()
                .map(|path| {
                    let auth = BASE64_STANDARD.encode(format!("{username}:{password}{path}"));
                    let auth = if padded { auth.as_str() } else { auth.trim_end_matches('=') };
                    (format!("{}quay.io:444{path}{}", around.0, around.1), json!({ "auth": auth }))
                })
                .collect();
            let longest: &&str = BTreeSet::iter(&paths).max_by_key(|path| path.len()).unwrap();
            let file = json!({ "auths": auths }).to_string();
            prop_assert_eq!(found(&file, "quay.io:444", "acme/app"), format!("{username}:{password}{longest}"));
        }
    }

    const FILE: &str = r#"{
        "auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOnA="},
            "ghcr.io": {"auth": "Z2g6cDpx"},
            "quay.io/acme": {"auth": "YWNtZTpw"},
            "quay.io/acme/app": {"username": "app", "password": "p"},
            "https://plain.io/v2/": {"auth": "cGxhaW46cA"},
            "nul.io": {"auth": "bnVsOnAAAA=="},
            "azure.io": {"auth": "MDA6", "identitytoken": "refresh"},
            "token.io": {"registrytoken": "t"},
            "empty.io": {},
            "bad.io": {"auth": "bm9jb2xvbg=="},
            "worse.io": {"auth": "?"}
        },
        "credHelpers": {"ecr.io:444": "ecr-login", "registry-1.docker.io": "hub"},
        "credsStore": "desktop", "experimental": "enabled"
    }"#;

    fn found(file: &str, host: &str, repository: &str) -> String {
        let file = AuthFile::parse(file.as_bytes(), "f").unwrap();
        match file.find(&Host::parse(host).unwrap(), &repository.parse().unwrap()) {
            Ok(Some(Kept::Here(Credentials::Basic { username, password }))) => {
                format!("{username}:{password}")
            }
            Ok(Some(Kept::Here(Credentials::Refresh(token)))) => format!("refresh {token}"),
            Ok(Some(Kept::Here(Credentials::Token(token)))) => format!("token {token}"),
            Ok(Some(Kept::ByHelper { name, server })) => format!("{name} {server}"),
            Ok(None) => "nothing".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn entries_are_found_as_docker_and_podman_find_them() {
        for (host, repository, expected) in [
            ("ghcr.io", "a", "gh:p:q"),
            ("quay.io", "acme/app", "app:p"),
            ("quay.io", "acme/other", "acme:p"),
            ("quay.io", "other", "desktop quay.io"),
            ("plain.io", "a", "plain:p"),
            ("nul.io", "a", "nul:p"),
            ("azure.io", "a", "refresh refresh"),
            ("token.io", "a", "token t"),
            ("empty.io", "a", "desktop empty.io"),
            ("ecr.io:444", "a", "ecr-login ecr.io:444"),
            ("ecr.io", "a", "desktop ecr.io"),
            ("docker.io", "library/a", "hub https://index.docker.io/v1/"),
            ("bad.io", "a", "the credentials for bad.io in f are not valid"),
            ("worse.io", "a", "the credentials for worse.io in f are not valid"),
        ] {
            assert_eq!(found(FILE, host, repository), expected, "{host}/{repository}");
        }
        let without = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "aHViOnA="}}}"#;
        assert_eq!(found(without, "registry-1.docker.io", "library/a"), "hub:p");
        assert_eq!(found(without, "ghcr.io", "a"), "nothing");
        assert_eq!(found("{}", "ghcr.io", "a"), "nothing");
    }
}
