//! Which source of settings wins, and what is refused.

use super::*;

fn file(text: &str) -> Given {
    toml::from_str(text).unwrap()
}

fn cdn(url: &str) -> Given {
    Given { cdn: Some(url.to_owned()), ..Given::default() }
}

fn resolved(given: Given, port: Option<&str>, file: Given) -> Settings {
    resolve(given, port, file).unwrap()
}

fn refused(given: Given, port: Option<&str>, file: Given) -> String {
    resolve(given, port, file).unwrap_err().to_string()
}

#[test]
fn defaults_are_safe_ones() {
    let settings = resolved(cdn("https://cdn.test"), None, Given::default());
    assert_eq!(settings.listen.to_string(), "127.0.0.1:5000");
    assert_eq!(settings.routes.to_string(), "https://cdn.test/");
    assert_eq!(settings.redirect_caching, "public, max-age=60");
    assert_eq!(settings.changing_ttl, 60);
    assert!(settings.standalone);
    assert!(!settings.api_version_header);
    assert_eq!(settings.limits.connections, 1000);
}

#[test]
fn the_example_is_a_settings_file() {
    let settings = resolved(Given::default(), None, file(include_str!("../../../examples/endpoint.toml")));
    assert_eq!(settings.routes.to_string(), "https://cdn.example.com/registry/");
}

#[test]
fn the_example_of_federation_is_a_settings_file() {
    let settings = resolved(Given::default(), None, file(include_str!("../../../examples/federation.toml")));
    assert_eq!(settings.routes.to_string(), "https://cdn.example.com/");
    let prefix = |name| settings.routes.of(name).map(|route: &Route| route.prefix().as_str());
    assert_eq!(prefix("acme/app"), Some("acme"));
    assert_eq!(prefix("legacy/tools"), Some("legacy/tools"));
    assert_eq!(settings.routes.bases().len(), 7);
}

#[test]
fn flags_and_environment_win_over_the_file_key_by_key() {
    let strong = Given { listen: Some("[::1]:1".parse().unwrap()), ..cdn("https://flag.test") };
    let weak = file("cdn = 'https://file.test'\nlisten = '[::1]:2'\nredirect-ttl = '5m'\nlog = 'json'");
    let settings = resolved(strong, None, weak);
    assert_eq!(settings.routes.to_string(), "https://flag.test/");
    assert_eq!(settings.listen.to_string(), "[::1]:1");
    assert_eq!(settings.redirect_caching, "public, max-age=300");
    assert_eq!(settings.log, Log::Json);
}

#[test]
fn every_key_of_the_file_is_read() {
    let settings = resolved(
        Given::default(),
        None,
        file(
            "cdn = 'http://cdn.test'\nlisten = '0.0.0.0:80'\npublic-url = 'https://registry.test'\n\
             api-version-header = true\nredirect-ttl = '0s'\nchanging-ttl = '2m'\nmax-connections = 7\n\
             max-connections-per-client = 3\n\
             header-timeout = '1s'\nidle-timeout = '2s'\ntotal-timeout = '3s'\ndrain = '4s'\nlog = 'json'",
        ),
    );
    assert_eq!(settings.listen.to_string(), "0.0.0.0:80");
    assert!(!settings.standalone);
    assert!(settings.api_version_header);
    assert_eq!(settings.redirect_caching, "public, max-age=0");
    assert_eq!(settings.changing_ttl, 120);
    let [header, idle, total, drain] = [1, 2, 3, 4].map(Duration::from_secs);
    assert_eq!(settings.limits, Limits { connections: 7, per_client: Some(3), header, idle, total, drain });
    assert_eq!(settings.log, Log::Json);
}

#[test]
fn port_is_weaker_than_listen_and_stronger_than_the_file() {
    let listen = Given { listen: Some("127.0.0.1:1".parse().unwrap()), ..cdn("https://cdn.test") };
    let on_file = || file("listen = '127.0.0.1:3'");
    assert_eq!(resolved(listen, Some("2"), on_file()).listen.to_string(), "127.0.0.1:1");
    assert_eq!(resolved(cdn("https://cdn.test"), Some("2"), on_file()).listen.to_string(), "0.0.0.0:2");
    assert_eq!(resolved(cdn("https://cdn.test"), None, on_file()).listen.to_string(), "127.0.0.1:3");
    for port in ["", "http", "65536", "-1"] {
        let message = refused(cdn("https://cdn.test"), Some(port), Given::default());
        assert!(message.starts_with(&format!("PORT is `{port}`")), "{message}");
    }
}

#[test]
fn cdn_and_directory_are_one_choice() {
    let directory = || Given { directory: Some("bucket".into()), ..Given::default() };
    let settings = resolved(directory(), None, cdn("https://file.test"));
    assert_eq!(settings.routes.directory(), Some(Path::new("bucket")));
    assert_eq!(settings.routes.to_string(), "/objects/");
    let both = Given { cdn: Some("https://cdn.test".to_owned()), ..directory() };
    assert_eq!(
        refused(both, None, Given::default()),
        "more than one of a CDN, a directory and a default route are given"
    );
    assert_eq!(refused(Given::default(), None, Given::default()), "neither a CDN nor a directory is given");
}

#[test]
fn a_default_route_is_part_of_that_choice() {
    let default =
        || file("[default]\ncdn = 'https://default.test'\n[[route]]\nprefix = 'a'\ncdn = 'https://a.test'");
    let settings = resolved(cdn("https://flag.test"), None, default());
    assert_eq!(settings.routes.to_string(), "https://flag.test/");
    assert!(settings.routes.of("a").is_some());
    assert_eq!(resolved(Given::default(), None, default()).routes.to_string(), "https://default.test/");
}

#[test]
fn how_bases_are_watched_is_read() {
    let watched =
        |text| resolved(Given::default(), None, file(&format!("cdn = 'https://cdn.test'\n{text}"))).watch;
    let [interval, timeout] = [10, 5].map(Duration::from_secs);
    let object = Key::Catalog.path();
    let default =
        Watch { interval, timeout, failures: 3, successes: 2, object, ca: None, authorities: Vec::new() };
    assert_eq!(watched(""), default);
    let text = "interval = '1s'\ntimeout = '2s'\nfailures = 4\nsuccesses = 5\nobject = 'a/b'\nca = 'ca.pem'";
    let [interval, timeout] = [1, 2].map(Duration::from_secs);
    let (object, ca) = ("a/b".to_owned(), Some("ca.pem".into()));
    let all = Watch { interval, timeout, failures: 4, successes: 5, object, ca, authorities: Vec::new() };
    assert_eq!(watched(&format!("[watch]\n{text}")), all);
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let flawed = |change: fn(&mut Given)| {
        let mut given = cdn("https://cdn.test");
        change(&mut given);
        refused(given, None, Given::default())
    };
    for (message, part) in [
        (flawed(|given| given.cdn = Some("cdn.test".to_owned())), "the CDN base `cdn.test`"),
        (flawed(|given| given.public_url = Some("registry".to_owned())), "the public URL `registry`"),
        (flawed(|given| given.max_connections = Some(0)), "`max-connections` is zero"),
        (flawed(|given| given.header_timeout = Some(Duration::ZERO)), "`header-timeout` is zero"),
        (flawed(|given| given.idle_timeout = Some(Duration::ZERO)), "`idle-timeout` is zero"),
        (flawed(|given| given.total_timeout = Some(Duration::ZERO)), "`total-timeout` is zero"),
    ] {
        assert!(message.starts_with(part), "{message}");
    }
}

#[test]
fn the_file_holds_nothing_that_is_not_known() {
    for (text, part) in [
        ("cnd = 'https://cdn.test'", "unknown field `cnd`"),
        ("cdn = 1", "invalid type: integer"),
        ("idle-timeout = '5'", "time unit needed"),
        ("log = 'xml'", "unknown variant `xml`"),
        ("cdn = ", "cdn"),
    ] {
        let message = toml::from_str::<Given>(text).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn no_time_is_too_long_for_a_clock() {
    let given = Given { idle_timeout: Some(Duration::MAX), ..cdn("https://cdn.test") };
    let limits = resolved(given, None, Given::default()).limits;
    assert!(std::time::Instant::now().checked_add(limits.idle).is_some());
}
