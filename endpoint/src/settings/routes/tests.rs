//! Which route a repository is under, and what cannot be a route.

use crate::settings::{Given, Settings, SettingsError, resolve};

fn loaded(text: &str) -> Result<Settings, SettingsError> {
    resolve(Given::default(), None, toml::from_str(text).unwrap())
}

fn route(text: &str) -> String {
    format!("cdn = 'https://cdn.test'\npublic-url = 'https://registry.test'\n[[route]]\n{text}")
}

#[test]
fn the_longest_prefix_of_whole_segments_wins() {
    let prefixes = ["acme", "acme/web", "acme/web/app", "other/app"];
    let text: Vec<String> =
        prefixes.iter().map(|it| format!("prefix = '{it}'\ncdn = 'https://{it}'")).collect();
    let settings = loaded(&route(&text.join("\n[[route]]\n"))).unwrap();
    for (repository, prefix) in [
        ("acme", Some("acme")),
        ("acme/app", Some("acme")),
        ("acme/app/web", Some("acme")),
        ("acme/webapp", Some("acme")),
        ("acme/web", Some("acme/web")),
        ("acme/web/a/b/c", Some("acme/web")),
        ("acme/web/app", Some("acme/web/app")),
        ("acme/web/app/b", Some("acme/web/app")),
        ("acmeother", None),
        ("acme-other/app", None),
        ("acm", None),
        ("web", None),
        ("other", None),
        ("other/app", Some("other/app")),
        ("x/acme", None),
    ] {
        let found = settings.routes.of(repository).map(|route| route.prefix().as_str());
        assert_eq!(found, prefix, "{repository}");
    }
}

/// What is said of settings that cannot be followed, and why.
fn refused(text: &str) -> String {
    let error = loaded(text).unwrap_err();
    let mut told = error.to_string();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

#[test]
fn what_cannot_be_a_route_is_told_with_its_prefix() {
    for (text, reason) in [
        ("prefix = 'Acme'\ncdn = 'https://a.test'", "its prefix is no repository's name: `Acme` in"),
        ("prefix = 'acme/'\ncdn = 'https://a.test'", "its prefix is no repository's name: `` in"),
        (
            "prefix = ''\ncdn = 'https://a.test'",
            "its prefix is no repository's name: the repository's name is",
        ),
        ("prefix = 'a'", "it has neither `cdn` nor `registry`"),
        ("prefix = 'a'\ncdn = 'https://a.test'\nregistry = 'https://b.test'", "it has both"),
        ("prefix = 'a'\ncdn = []", "a list of CDN bases of it is empty"),
        ("prefix = 'a'\ncdn = 'a.test'", "its base `a.test` cannot be used: it is not an absolute"),
        (
            "prefix = 'a'\ncdn = ['https://a.test', 'https://a.test/']",
            "its base `https://a.test/` is there twice",
        ),
        ("prefix = 'a'\nregistry = 'https://b.test/acme'", "its registry `https://b.test/acme/` has a path"),
        (
            "prefix = 'a'\nregistry = 'https://registry.test'",
            "its registry `https://registry.test/` is this endpoint's own public URL",
        ),
        ("prefix = 'a'\ncdn = 'https://a.test'\nrewrite = '/b'", "its rewrite `/b` is no repository's name"),
        (
            "prefix = 'a'\nregistry = 'https://b.test'\n[[route.from]]\nnetworks = ['::1']\ncdn = 'https://c.test'",
            "`from` chooses among CDN bases",
        ),
        (
            "prefix = 'a'\ncdn = 'https://a.test'\n[[route.from]]\nnetworks = []\ncdn = 'https://c.test'",
            "a `from` of it names no networks, or no CDN base",
        ),
        (
            "prefix = 'a'\ncdn = 'https://a.test'\n[[route.from]]\nnetworks = ['office']\ncdn = 'https://c.test'",
            "a network of its `from` cannot be used: `office` is neither",
        ),
        (
            "prefix = 'a'\ncdn = 'https://a.test'\n[[route]]\nprefix = 'a'\ncdn = 'https://b.test'",
            "there is another route with this prefix",
        ),
    ] {
        let told = refused(&route(text));
        let (route, why) = told.split_once(" cannot be used: ").unwrap();
        assert!(route.starts_with("the route `") && why.starts_with(reason), "{told}");
    }
}

#[test]
fn what_else_of_a_file_cannot_work_is_told() {
    for (text, message) in [
        ("[[route]]\nprefix = 'a'\ncdn = 'https://a.test'", "neither a CDN nor a directory is given"),
        (
            "cdn = 'https://a.test'\n[default]\ncdn = 'https://b.test'",
            "more than one of a CDN, a directory and",
        ),
        ("directory = '/'\n[default]\ncdn = 'https://b.test'", "more than one of a CDN, a directory and"),
        (
            "[default]\ncdn = 'b.test'",
            "the default route cannot be used: its base `b.test` cannot be used: it is",
        ),
        ("[default]", "the default route cannot be used: it has neither"),
        (
            "cdn = 'https://a.test'\n[networks]\noffice = ['10.0.0.1/8']",
            "a network in [networks] cannot be used: `10.0.0.1/8` has bits behind its length",
        ),
        (
            "cdn = 'https://a.test'\ntrusted-proxies = ['proxy']",
            "`trusted-proxies` cannot be used: `proxy` is neither",
        ),
        ("cdn = 'https://a.test'\n[watch]\ninterval = '0s'", "`watch.interval` is zero"),
        ("cdn = 'https://a.test'\n[watch]\ntimeout = '0s'", "`watch.timeout` is zero"),
        ("cdn = 'https://a.test'\n[watch]\nfailures = 0", "`watch.failures` is zero"),
        ("cdn = 'https://a.test'\n[watch]\nsuccesses = 0", "`watch.successes` is zero"),
        ("cdn = 'https://a.test'\n[watch]\nobject = '/a'", "`watch.object` is `/a`, which is not a path"),
        ("cdn = 'https://a.test'\n[watch]\nobject = 'a b'", "`watch.object` is `a b`, which is not a path"),
    ] {
        let told = refused(text);
        assert!(told.starts_with(message), "{told}");
    }
}

#[test]
fn nothing_unknown_is_in_any_table() {
    for (text, key) in [
        ("[[route]]\nprefix = 'a'\ncnd = 'https://a.test'", "cnd"),
        ("[[route]]\nprefix = 'a'\n[[route.from]]\nnetwork = []", "network"),
        ("[default]\nprefix = 'a'", "prefix"),
        ("[watch]\nintervall = '1s'", "intervall"),
        ("routes = []", "routes"),
    ] {
        let message = toml::from_str::<Given>(text).unwrap_err().to_string();
        assert!(message.contains(&format!("unknown field `{key}`")), "{message}");
    }
    for (text, part) in [
        ("[[route]]\ncdn = 'https://a.test'", "missing field `prefix`"),
        ("[[route]]\nprefix = 'a'\ncdn = 1", "a URL or a list of URLs"),
        ("client-header = 'x-real-ip'", "unknown variant `x-real-ip`"),
    ] {
        let message = toml::from_str::<Given>(text).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn old_docker_keeps_its_credentials_from_any_plain_redirect() {
    let https = "public-url = 'https://registry.test'\ncdn = 'https://cdn.test'\n";
    for (text, standalone) in [
        ("", true),
        ("[[route]]\nprefix = 'a'\ncdn = ['https://a.test', 'http://b.test']", false),
        ("[[route]]\nprefix = 'a'\nregistry = 'http://b.test'", false),
        ("[[route]]\nprefix = 'a'\nregistry = 'https://b.test'", true),
        (
            "[[route]]\nprefix = 'a'\ncdn = 'https://a.test'\n[[route.from]]\nnetworks = ['::1']\ncdn = 'http://c.test'",
            false,
        ),
    ] {
        assert_eq!(loaded(&format!("{https}{text}")).unwrap().standalone, standalone, "{text}");
    }
}

#[test]
fn only_bases_between_which_there_is_a_choice_are_watched() {
    let settings = loaded(
        "cdn = 'https://alone.test'\n\
         [[route]]\nprefix = 'a'\ncdn = ['https://1.test', 'https://2.test']\n\
         [[route.from]]\nnetworks = ['10.0.0.0/8']\ncdn = ['https://3.test', 'https://2.test']\n\
         [[route.from]]\nnetworks = ['::/0']\ncdn = 'https://4.test'\n\
         [[route]]\nprefix = 'b'\nregistry = 'https://registry.test'",
    )
    .unwrap();
    let watched = settings.routes.to_watch();
    let mut urls: Vec<_> = watched.iter().map(|&id| settings.routes.base(id).unwrap().to_string()).collect();
    urls.sort();
    assert_eq!(urls, ["https://1.test/", "https://2.test/", "https://3.test/"]);
}
