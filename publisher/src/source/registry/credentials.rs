//! Who we are to a registry: the environment, then the files and helpers of Docker and Podman.
//!
//! Nothing here can be printed: secrets have no `Debug` and stand in no error.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use contract::name::Repository;
use tokio::sync::Mutex;

use super::address::Host;
use file::{AuthFile, Kept};

mod file;
mod helper;

/// User of the registry that is the source.
pub const USERNAME: &str = "REGISTRY_PUBLISHER_SOURCE_USERNAME";
/// The user's password or access token.
pub const PASSWORD: &str = "REGISTRY_PUBLISHER_SOURCE_PASSWORD";
/// A whole `config.json`, as GitLab's jobs have it.
const INLINE: &str = "DOCKER_AUTH_CONFIG";

/// What a registry, or who issues its tokens, is told.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// A user.
    Basic { username: String, password: String },
    /// What tokens are issued for: Docker's "identity token".
    Refresh(String),
    /// A token that is good as it is: Docker's "registry token".
    Token(String),
}

/// Why it is not known who we are.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// One of the two variables alone.
    #[error("{USERNAME} and {PASSWORD} are to be set together")]
    Half,
    /// They would be sent to registries that they are not for.
    #[error("{USERNAME} and {PASSWORD} are for one registry, and there are several")]
    ManyHosts,
    /// A file that is there.
    #[error("the credentials in {place} cannot be read")]
    Read {
        /// A path, or a variable.
        place: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No JSON, or of another shape. Why is left out: it could quote a secret.
    #[error("the credentials in {0} are not valid")]
    Syntax(String),
    /// An entry that is not `user:password` in base64.
    #[error("the credentials for {key} in {place} are not valid")]
    Entry {
        /// A path, or a variable.
        place: String,
        /// Of the entry.
        key: String,
    },
    /// A credential helper that is not there, or fails.
    #[error("the credential helper {program} gave no credentials for {server}")]
    Helper {
        /// `docker-credential-…`
        program: String,
        /// What it was asked for.
        server: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// All that is known; files are read once.
pub(super) struct Keyring {
    given: Option<Credentials>,
    files: Vec<AuthFile>,
    patience: Duration,
    /// What helpers said, by helper and server: some ask a cloud.
    asked: Mutex<HashMap<(String, String), Option<Credentials>>>,
}

impl Keyring {
    /// From the environment, and the files that it names. Helpers get so much time each.
    pub(super) fn open(
        env: &dyn Fn(&str) -> Option<OsString>,
        patience: Duration,
    ) -> Result<Self, CredentialsError> {
        let text =
            |name: &str| env(name).and_then(|value| value.into_string().ok()).filter(|text| !text.is_empty());
        let given = match (text(USERNAME), text(PASSWORD)) {
            (None, None) => None,
            (Some(username), Some(password)) => Some(Credentials::Basic { username, password }),
            _ => return Err(CredentialsError::Half),
        };
        let mut files = Vec::new();
        if let Some(inline) = text(INLINE) {
            files.push(AuthFile::parse(inline.as_bytes(), INLINE)?);
        }
        for path in places(env) {
            files.extend(read(&path)?);
        }
        Ok(Self { given, files, patience, asked: Mutex::default() })
    }

    /// Whether a password was given that nobody but the one registry may see.
    pub(super) fn is_for_one(&self) -> bool {
        self.given.is_some()
    }

    /// What a registry is told for a repository; `None` is nothing.
    pub(super) async fn find(
        &self,
        host: &Host,
        repository: &Repository,
    ) -> Result<Option<Credentials>, CredentialsError> {
        if self.given.is_some() {
            return Ok(self.given.clone());
        }
        for file in &self.files {
            let found = match file.find(host, repository)? {
                Some(Kept::Here(credentials)) => Some(credentials),
                Some(Kept::ByHelper { name, server }) => self.ask(name, server).await?,
                None => None,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn ask(&self, name: &str, server: String) -> Result<Option<Credentials>, CredentialsError> {
        let mut asked = self.asked.lock().await;
        let question = (name.to_owned(), server);
        if let Some(known) = asked.get(&question) {
            return Ok(known.clone());
        }
        let answer = helper::ask(name, &question.1, self.patience).await?;
        asked.insert(question, answer.clone());
        Ok(answer)
    }
}

/// Where files may be, the first one that knows a registry wins: as
/// [containers-auth.json(5)](https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md) has it.
fn places(env: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let get = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let podman = get("REGISTRY_AUTH_FILE")
        .or_else(|| get("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")));
    let docker = get("DOCKER_CONFIG").or_else(|| get("HOME").map(|home| home.join(".docker")));
    podman.into_iter().chain(docker.map(|folder| folder.join("config.json"))).collect()
}

fn read(path: &Path) -> Result<Option<AuthFile>, CredentialsError> {
    let place = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => AuthFile::parse(&bytes, &place).map(Some),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(CredentialsError::Read { place, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
    }

    #[test]
    fn files_are_looked_for_where_podman_and_docker_keep_them() {
        let at = |pairs: &[(&str, &str)]| {
            places(&env(pairs)).iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(at(&[("HOME", "/h")]), ["/h/.docker/config.json"]);
        assert_eq!(at(&[("HOME", "/h"), ("DOCKER_CONFIG", "/d")]), ["/d/config.json"]);
        let run = [("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/1")];
        assert_eq!(at(&run), ["/run/user/1/containers/auth.json", "/h/.docker/config.json"]);
        let file = [("REGISTRY_AUTH_FILE", "/a.json"), ("XDG_RUNTIME_DIR", "/run/user/1")];
        assert_eq!(at(&file), ["/a.json"]);
        assert!(at(&[("HOME", "")]).is_empty());
    }

    async fn found(pairs: &[(&str, &str)]) -> Result<Option<Credentials>, CredentialsError> {
        let keyring = Keyring::open(&env(pairs), Duration::from_secs(9))?;
        keyring.find(&Host::parse("h.io").unwrap(), &"acme/app".parse().unwrap()).await
    }

    fn user(username: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Basic { username: username.into(), password: password.into() })
    }

    #[tokio::test]
    async fn the_environment_wins_over_files() {
        let inline = (INLINE, r#"{"auths":{"h.io":{"auth":"dTpw"}}}"#);
        assert!(found(&[(USERNAME, "a"), (PASSWORD, "b:c"), inline]).await.unwrap() == user("a", "b:c"));
        assert!(found(&[inline]).await.unwrap() == user("u", "p"));
        assert!(found(&[]).await.unwrap().is_none());
        assert!(matches!(found(&[(USERNAME, "a")]).await, Err(CredentialsError::Half)));
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_told_without_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        let path = path.to_str().unwrap();
        assert!(found(&[("REGISTRY_AUTH_FILE", path)]).await.unwrap().is_none());
        std::fs::write(path, r#"{"auths":{"h.io":{"auth":7,"password":"hush"}}}"#).unwrap();
        let error = found(&[("REGISTRY_AUTH_FILE", path)]).await.err().unwrap();
        let said = format!("{error:?} {error}");
        assert!(said.contains(path) && !said.contains("hush"), "{said}");
        let error = found(&[("REGISTRY_AUTH_FILE", folder.path().to_str().unwrap())]).await.err().unwrap();
        assert!(matches!(error, CredentialsError::Read { .. }));
    }
}
