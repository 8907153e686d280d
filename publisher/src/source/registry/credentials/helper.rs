//! Credential helpers: `docker-credential-NAME get`, the server on standard input, JSON on standard output
//! ([docker-credential-helpers](https://github.com/docker/docker-credential-helpers#development)).

use std::io;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Credentials, CredentialsError};

/// What a helper calls a user whose secret is an identity token.
const TOKEN_USER: &str = "<token>";
/// What a helper says that knows nothing of a server.
const NONE: &str = "credentials not found in native keychain";
/// How much of what a helper says of its failure is repeated.
const SAID_MAX: usize = 200;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    secret: String,
}

/// Asks a helper, which gets so much time; `None` where it knows nothing of the server.
pub(super) async fn ask(
    name: &str,
    server: &str,
    patience: Duration,
) -> Result<Option<Credentials>, CredentialsError> {
    let program = format!("docker-credential-{name}");
    let failed =
        |source| CredentialsError::Helper { program: program.clone(), server: server.to_owned(), source };
    // A name, not a path: what runs is what the user has in PATH.
    if name.contains(['/', '\\', '\0']) {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    let run = timeout(patience, run(&program, server));
    let output = run.await.unwrap_or_else(|late| Err(late.into())).map_err(failed)?;
    read(&output).map_err(failed)
}

async fn run(program: &str, server: &str) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that knows its answer need not read.
        _ = stdin.write_all(server.as_bytes()).await;
    }
    child.wait_with_output().await
}

fn read(output: &Output) -> io::Result<Option<Credentials>> {
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return if said.trim() == NONE {
            Ok(None)
        } else {
            Err(io::Error::other(why(&output.status.to_string(), &said)))
        };
    }
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "its answer is not valid");
    let Answer { username, secret } = serde_json::from_slice(&output.stdout).map_err(|_| invalid())?;
    if username == TOKEN_USER {
        return Ok(Some(Credentials::Refresh(secret)));
    }
    // Some answer with nothing for a server that they do not know.
    let known = !(username.is_empty() && secret.is_empty());
    Ok(known.then_some(Credentials::Basic { username, password: secret }))
}

/// Helpers tell on standard output why they fail. What looks like an answer is not repeated: it may hold a secret.
fn why(status: &str, said: &str) -> String {
    let said = said.trim();
    if said.is_empty() || said.contains(['{', '"']) {
        return status.to_owned();
    }
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_MAX).collect();
    format!("{status}: {line}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn answered(code: i32, stdout: &str) -> Result<Option<Credentials>, String> {
        let output =
            Output { status: ExitStatus::from_raw(code << 8), stdout: stdout.into(), stderr: Vec::new() };
        read(&output).map_err(|error| error.to_string())
    }

    #[test]
    fn answers_are_users_tokens_or_nothing() {
        let user = Credentials::Basic { username: "u".into(), password: "p".into() };
        let answer = r#"{"ServerURL":"h.io","Username":"u","Secret":"p"}"#;
        assert!(answered(0, answer) == Ok(Some(user)));
        let answer = r#"{"Username":"<token>","Secret":"t"}"#;
        assert!(answered(0, answer) == Ok(Some(Credentials::Refresh("t".into()))));
        assert!(answered(0, r#"{"Username":"","Secret":""}"#) == Ok(None));
        assert!(answered(1, "credentials not found in native keychain\n") == Ok(None));
    }

    #[test]
    fn failures_repeat_no_secret() {
        let error = |code, stdout| answered(code, stdout).err().unwrap();
        assert_eq!(error(1, "no keychain\n"), "exit status: 1: no keychain");
        assert_eq!(error(1, r#"{"Secret":"hush"}"#), "exit status: 1");
        assert_eq!(error(0, r#"{"Secret":["hush"]}"#), "its answer is not valid");
    }

    #[tokio::test]
    async fn one_that_is_no_name_or_not_there_is_told() {
        for (name, kind) in
            [("../x", io::ErrorKind::InvalidInput), ("none-of-this-name", io::ErrorKind::NotFound)]
        {
            let error = ask(name, "h.io", Duration::from_secs(60)).await.err().unwrap();
            let CredentialsError::Helper { source, .. } = error else { panic!("{error}") };
            assert_eq!(source.kind(), kind);
        }
    }
}
