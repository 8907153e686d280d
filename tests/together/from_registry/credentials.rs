//! Who we are to a registry: files, helpers, the environment; and that no secret is ever printed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Images, assert_served, publishing};
use crate::refused::assert_says;
use crate::rig::distribution::Distribution;
use crate::rig::process::{Run, run};
use crate::rig::store::Store;
use crate::rig::token_service::{REFRESH, TokenService, USER};

/// `open-sesame` by bcrypt, the one kind that `distribution` reads.
const HTPASSWD: &str = "reader:$2b$04$mkv537vhRrQNSsOLzlw31OPCEbC5ICHGx0L3ldIsPyzNbviclfL5K\n";
/// `reader:open-sesame` in base64.
const AUTH: &str = "cmVhZGVyOm9wZW4tc2VzYW1l";

struct Case {
    images: Images,
    registry: Distribution,
    folder: TempDir,
    store: Store,
    token: Option<TokenService>,
}

impl Case {
    /// A registry with `private/app` and `public/app` that asks for a password, or for tokens of a service.
    fn new(token: Option<TokenService>) -> Self {
        let (images, folder) = (Images::new(), tempfile::tempdir().unwrap());
        let file = folder.path().join("htpasswd");
        fs::write(&file, HTPASSWD).unwrap();
        let auth = token.as_ref().map_or_else(
            || format!("auth:\n  htpasswd:\n    realm: rig\n    path: {file:?}\n"),
            TokenService::settings,
        );
        let registry = Distribution::open_with(&folder.path().join("registry"), &auth);
        for name in ["private", "public"] {
            let to = format!("{}/{name}/app:1", registry.host);
            images.push("index", &to, &["--dest-creds", &format!("{}:{}", USER.0, USER.1)]);
        }
        if let Some(token) = &token {
            token.seen();
        }
        Self { images, registry, folder, store: Store::directory(), token }
    }

    fn path(&self, file: &str) -> &'static str {
        self.folder.path().join(file).display().to_string().leak()
    }

    fn command(&self, repository: &str, env: &[(&str, &str)]) -> Command {
        let mut command =
            publishing(&format!("{}/{repository}:1", self.registry.host), "acme/mine:1", &self.store);
        command
            .envs(env.iter().copied())
            .env("REGISTRY_PUBLISHER_LOG", "trace")
            .env("HOME", self.folder.path());
        command
    }

    /// Publishes, and looks that no secret was printed, not even to the log.
    #[track_caller]
    fn run(&self, repository: &str, env: &[(&str, &str)]) -> Run {
        let run = run(&mut self.command(repository, env));
        for secret in [USER.1, AUTH, REFRESH, "hush", "Bearer"] {
            assert!(
                !run.stderr.contains(secret) && !run.stdout.contains(secret),
                "{secret} in\n{}",
                run.stderr
            );
        }
        run
    }

    #[track_caller]
    fn succeeds(&self, repository: &str, env: &[(&str, &str)]) {
        let run = self.run(repository, env);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_served(&self.store.endpoint(), &self.images, "1", &self.images.index);
    }

    /// A helper that knows the registry, and writes each question to a file.
    fn helper(&self, answer: &str) -> String {
        let (bin, asked) = (self.folder.path().join("bin"), self.folder.path().join("asked"));
        fs::create_dir_all(&bin).unwrap();
        let helper = bin.join("docker-credential-rig");
        let script =
            format!("#!/bin/sh\n[ \"$1\" = get ] || exit 9\ncat >> {asked:?}; echo >> {asked:?}\n{answer}\n");
        fs::write(&helper, script).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
        format!("{}:/usr/bin:/bin", bin.display())
    }

    fn write(&self, file: &str, text: &str) -> &'static str {
        let path = self.path(file);
        fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        path
    }
}

#[test]
fn a_password_comes_from_the_environment_or_a_file() {
    let case = Case::new(None);
    let host = &case.registry.host;
    let none = case.run("private/app", &[]);
    assert_says(&none, 1, &["does not accept who asks", "wants a user and a password", "docker login"]);
    let wrong =
        [("REGISTRY_PUBLISHER_SOURCE_USERNAME", "reader"), ("REGISTRY_PUBLISHER_SOURCE_PASSWORD", "hush")];
    assert_says(&case.run("private/app", &wrong), 1, &["does not accept who asks", "401"]);
    assert_says(&case.run("private/app", &wrong[..1]), 2, &["are to be set together"]);

    let right =
        [("REGISTRY_PUBLISHER_SOURCE_USERNAME", USER.0), ("REGISTRY_PUBLISHER_SOURCE_PASSWORD", USER.1)];
    case.succeeds("private/app", &right);
    let file = format!(r#"{{"auths":{{"{host}":{{"auth":"{AUTH}"}}}}}}"#);
    case.succeeds("private/app", &[("DOCKER_AUTH_CONFIG", &file)]);
    case.succeeds("private/app", &[("REGISTRY_AUTH_FILE", case.write("auth.json", &file))]);
    case.write("run/containers/auth.json", &file);
    case.succeeds("private/app", &[("XDG_RUNTIME_DIR", case.path("run"))]);
    case.write("docker/config.json", &file);
    case.succeeds("private/app", &[("DOCKER_CONFIG", case.path("docker"))]);
    case.write(".docker/config.json", &file);
    case.succeeds("private/app", &[]);
}

/// A password for a registry on this machine is sent without TLS: nobody may be between.
#[test]
fn no_proxy_is_between_on_this_machine() {
    let case = Case::new(Some(TokenService::start()));
    let nobody = "http://127.0.0.1:9";
    let env = [
        ("REGISTRY_PUBLISHER_SOURCE_USERNAME", USER.0),
        ("REGISTRY_PUBLISHER_SOURCE_PASSWORD", USER.1),
        ("http_proxy", nobody),
        ("HTTP_PROXY", nobody),
        ("ALL_PROXY", nobody),
    ];
    case.succeeds("private/app", &env);
}

#[test]
fn a_helper_is_asked_once() {
    let case = Case::new(None);
    let host = &case.registry.host;
    let good = format!(r#"echo '{{"ServerURL":"x","Username":"{}","Secret":"{}"}}'"#, USER.0, USER.1);
    let path = case.helper(&good);
    for file in [r#"{"credHelpers":{"HOST":"rig"}}"#, r#"{"auths":{"HOST":{}},"credsStore":"rig"}"#] {
        case.write(".docker/config.json", &file.replace("HOST", host));
        case.succeeds("private/app", &[("PATH", &path)]);
    }
    assert_eq!(fs::read_to_string(case.path("asked")).unwrap(), format!("{host}\n{host}\n"));

    for (answer, said) in [
        ("echo 'no keychain here'; exit 1", "no keychain here"),
        (r#"echo '{"Secret":"hush"}'; exit 1"#, "exit status: 1"),
        ("echo credentials not found in native keychain; exit 1", "wants a user and a password"),
        ("echo '{'", "its answer is not valid"),
    ] {
        case.helper(answer);
        assert_says(&case.run("private/app", &[("PATH", &path)]), 1, &["does not accept who asks", said]);
    }
    // One that hangs is ended.
    case.helper("exec sleep 600");
    let timed = [("PATH", path.as_str()), ("REGISTRY_PUBLISHER_REQUEST_TIMEOUT", "5s")];
    assert_says(
        &case.run("private/app", &timed),
        1,
        &["docker-credential-rig gave no credentials", "timed out"],
    );
}

#[test]
fn tokens_are_issued_to_users_and_to_everybody() {
    let case = Case::new(Some(TokenService::start()));
    let (host, token) = (&case.registry.host, case.token.as_ref().unwrap());
    case.succeeds("public/app", &[]);
    assert_eq!(token.seen(), ["anonymous"], "one token is for the whole publication");
    assert_says(&case.run("private/app", &[]), 1, &["does not accept who asks", "docker login"]);
    token.seen();

    let right =
        [("REGISTRY_PUBLISHER_SOURCE_USERNAME", USER.0), ("REGISTRY_PUBLISHER_SOURCE_PASSWORD", USER.1)];
    case.succeeds("private/app", &right);
    assert_eq!(token.seen(), ["password"]);
    let file = format!(r#"{{"auths":{{"{host}":{{"identitytoken":"{REFRESH}"}}}}}}"#);
    case.succeeds("private/app", &[("DOCKER_AUTH_CONFIG", &file)]);
    assert_eq!(token.seen(), ["refresh"]);
    let wrong =
        [("REGISTRY_PUBLISHER_SOURCE_USERNAME", "reader"), ("REGISTRY_PUBLISHER_SOURCE_PASSWORD", "hush")];
    assert_says(&case.run("private/app", &wrong), 1, &["its token service", "UNAUTHORIZED: who are you"]);
}
