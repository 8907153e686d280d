//! What requests get where there are several routes, one line a case.

use std::net::IpAddr;

use super::*;

const SETTINGS: &str = "
cdn = 'https://cdn.test'

[networks]
office = ['10.0.0.0/8', '2001:db8::/32']

[[route]]
prefix = 'acme'
cdn = ['https://one.test/a', 'https://two.test/a']

[[route]]
prefix = 'acme/web'
cdn = 'https://web.test'
rewrite = 'sites'

[[route]]
prefix = 'flat'
cdn = 'https://flat.test'
rewrite = ''

[[route]]
prefix = 'moved'
registry = 'https://registry.test'

[[route]]
prefix = 'renamed'
registry = 'https://registry.test'
rewrite = 'org/names'

[[route]]
prefix = 'near'
cdn = ['https://far.test']
[[route.from]]
networks = ['office']
cdn = ['https://office.test', 'https://office-2.test']
[[route.from]]
networks = ['10.9.0.0/16']
cdn = 'https://cellar.test'
";

fn settings(text: &str) -> Settings {
    resolve(Given::default(), None, toml::from_str(text).unwrap()).unwrap()
}

/// The answer to `/path from address without base base`; the last two words may be absent.
fn told(request: &str, settings: &Settings) -> String {
    let request = request.replace("HEX", HEX);
    let (request, down) = request.split_once(" without ").unwrap_or((&request, ""));
    let (target, client) = request.split_once(" from ").unwrap_or((request, ""));
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let client: Option<IpAddr> = client.parse().ok();
    let bases = settings.routes.bases().iter();
    let health = Health::known(
        bases.map(|base| !down.split(' ').any(|down| base.as_str().contains(down) && !down.is_empty())),
    );
    match decide(&Asked { method: &Method::GET, path, query, client }, settings, &health) {
        Answer::Reply(Reply::Redirect(location)) => location.replace(HEX, "HEX"),
        Answer::Reply(Reply::RedirectOfClient(location)) => {
            format!("private {}", location.replace(HEX, "HEX"))
        }
        Answer::Reply(Reply::Unknown(Unknown::V2(code))) => format!("404 {}", code.as_str()),
        Answer::Reply(Reply::Unknown(Unknown::Plain)) => "404".to_owned(),
        Answer::Reply(reply) => format!("{reply:?}"),
        Answer::Object(directory, key) => format!("{}/{key}", directory.display()),
        Answer::Document(wanted) => served(&wanted).replace(HEX, "HEX"),
    }
}

fn check(text: &str, cases: &[(&str, &str)]) {
    let settings = settings(text);
    for (request, answer) in cases {
        assert_eq!(told(request, &settings), spelled(answer), "{request}");
    }
}

#[test]
fn a_repository_is_found_by_its_prefix() {
    check(
        SETTINGS,
        &[
            ("/v2/app/tags/list", "https://cdn.test/[/v2/app/tags/list]"),
            ("/v2/acmeother/tags/list", "https://cdn.test/[/v2/acmeother/tags/list]"),
            ("/v2/acme/tags/list", "https://one.test/a/[/v2/acme/tags/list]"),
            ("/v2/acme/app/tags/list", "https://one.test/a/[/v2/acme/app/tags/list]"),
            ("/v2/acme/app/manifests/1", "https://one.test/a/[/v2/acme/app/manifests/1]"),
            ("/v2/acme/app/blobs/sha256:HEX", "https://one.test/a/[/v2/any/blobs/sha256:HEX]"),
            ("/v2/acme/app/referrers/sha256%3aHEX", "https://one.test/a/[/v2/acme/app/referrers/sha256:HEX]"),
            // A name may hold the words of the API.
            ("/v2/acme/blobs/tags/tags/list", "https://one.test/a/[/v2/acme/blobs/tags/tags/list]"),
            ("/v1/repositories/acme/app/images", "https://one.test/a/repositories/acme/app/images"),
            ("/v1/repositories/acme/app/tags/1", "https://one.test/a/repositories/acme/app/tag_1.json"),
            // One segment, which v1 calls library/acme.
            ("/v1/repositories/acme/images", "https://one.test/a/repositories/library/acme/images"),
            ("/v1/repositories/library/acme/tags", "https://one.test/a/repositories/library/acme/tags"),
        ],
    );
}

#[test]
fn what_names_no_repository_goes_the_default_way() {
    check(
        SETTINGS,
        &[
            ("/v2/_catalog", "https://cdn.test/[/v2/_catalog]"),
            ("/v1/images/HEX/json", "https://cdn.test/images/HEX/json"),
            ("/v1/images/HEX/layer", "https://cdn.test/images/HEX/layer"),
        ],
    );
}

#[test]
fn a_prefix_is_rewritten() {
    check(
        SETTINGS,
        &[
            ("/v2/acme/web/tags/list", "https://web.test/[/v2/sites/tags/list]"),
            ("/v2/acme/web/a/b/tags/list", "https://web.test/[/v2/sites/a/b/tags/list]"),
            ("/v2/acme/web/a/blobs/sha256:HEX", "https://web.test/[/v2/any/blobs/sha256:HEX]"),
            ("/v1/repositories/acme/web/images", "https://web.test/repositories/library/sites/images"),
            ("/v2/flat/app/tags/list", "https://flat.test/[/v2/app/tags/list]"),
            ("/v1/repositories/flat/app/tags", "https://flat.test/repositories/library/app/tags"),
            // Without its prefix it has no name at all.
            ("/v2/flat/tags/list", "404 NAME_UNKNOWN"),
            ("/v2/flat/manifests/1", "404 MANIFEST_UNKNOWN"),
            ("/v1/repositories/flat/tags", "404"),
        ],
    );
    let long = format!("/v2/renamed/{}/tags/list", "a".repeat(255 - "renamed/".len()));
    check(SETTINGS, &[(&long, "404 NAME_UNKNOWN")]);
}

#[test]
fn another_registry_gets_the_request_as_it_is() {
    check(
        SETTINGS,
        &[
            ("/v2/moved/app/manifests/1.0", "https://registry.test/v2/moved/app/manifests/1.0"),
            ("/v2/moved/blobs/sha256%3AHEX", "https://registry.test/v2/moved/blobs/sha256%3AHEX"),
            (
                "/v2/moved/tags/list?n=5&last=a%2Fb&ns=x",
                "https://registry.test/v2/moved/tags/list?n=5&last=a%2Fb",
            ),
            ("/v2/moved/tags/list?ns=docker.io", "https://registry.test/v2/moved/tags/list"),
            ("/v2/moved/tags/list?n=\"5\"&last=é", "https://registry.test/v2/moved/tags/list"),
            (
                "/v2/moved/referrers/sha256:HEX?artifactType=application/vnd.x+json",
                "https://registry.test/v2/moved/referrers/sha256:HEX?artifactType=application/vnd.x+json",
            ),
            ("/v1/repositories/moved/app/images", "https://registry.test/v1/repositories/moved/app/images"),
            ("/v1/repositories/moved/images", "https://registry.test/v1/repositories/moved/images"),
            ("/v2/renamed/app/manifests/1", "https://registry.test/v2/org/names/app/manifests/1"),
            ("/v2/renamed/blobs/sha256:HEX", "https://registry.test/v2/org/names/blobs/sha256:HEX"),
            // Three segments are none that v1 knows.
            ("/v1/repositories/renamed/app/tags/1", "404"),
            ("/v1/repositories/renamed/tags", "https://registry.test/v1/repositories/org/names/tags"),
            (
                "/v1/repositories/library/renamed/tags/1",
                "https://registry.test/v1/repositories/org/names/tags/1",
            ),
            // A query is not for a bucket.
            ("/v2/acme/app/tags/list?n=5", "https://one.test/a/[/v2/acme/app/tags/list]"),
            (
                &format!("/v2/moved/tags/list?n=5&last={}", "a".repeat(2048)),
                "https://registry.test/v2/moved/tags/list",
            ),
            // What answers these is the registry that the client talks to.
            ("/v2/", "Version"),
            ("/v1/_ping", "Ping"),
        ],
    );
}

#[test]
fn the_default_may_be_several_bases_or_a_registry() {
    check(
        "[default]\ncdn = ['https://a.test', 'https://b.test']",
        &[
            ("/v2/_catalog", "https://a.test/[/v2/_catalog]"),
            ("/v2/_catalog without a.test", "https://b.test/[/v2/_catalog]"),
        ],
    );
    check(
        "[default]\nregistry = 'https://registry.test'",
        &[
            ("/v2/_catalog?n=1", "https://registry.test/v2/_catalog?n=1"),
            ("/v1/images/HEX/layer", "https://registry.test/v1/images/HEX/layer"),
            ("/v2/", "Version"),
            ("/healthz", "Healthy"),
        ],
    );
    check(
        "directory = 'bucket'\n[[route]]\nprefix = 'a'\ncdn = 'https://a.test'",
        &[
            ("/v2/b/tags/list", "/objects/[/v2/b/tags/list]"),
            ("/v2/a/tags/list", "https://a.test/[/v2/a/tags/list]"),
            ("/objects/images/HEX/json", &format!("bucket/images/{HEX}/json")),
        ],
    );
}

#[test]
fn the_first_base_that_is_up_is_taken_and_the_first_of_all_when_none_is() {
    let tags = |host: &str| format!("https://{host}.test/a/[/v2/acme/tags/list]");
    check(
        SETTINGS,
        &[
            ("/v2/acme/tags/list", &tags("one")),
            ("/v2/acme/tags/list without two.test", &tags("one")),
            ("/v2/acme/tags/list without one.test", &tags("two")),
            ("/v2/acme/tags/list without one.test two.test", &tags("one")),
        ],
    );
}

#[test]
fn the_clients_address_chooses_the_bases() {
    let tags = |host: &str| format!("private https://{host}.test/[/v2/near/tags/list]");
    check(
        SETTINGS,
        &[
            ("/v2/near/tags/list from 10.1.2.3", &tags("office")),
            ("/v2/near/tags/list from 10.9.2.3", &tags("cellar")),
            ("/v2/near/tags/list from 2001:db8::1", &tags("office")),
            ("/v2/near/tags/list from 192.0.2.1", &tags("far")),
            ("/v2/near/tags/list", &tags("far")),
            ("/v2/near/tags/list from 10.1.2.3 without office.test", &tags("office-2")),
            // The office's bases are both down; the far one is not for it.
            ("/v2/near/tags/list from 10.1.2.3 without office.test office-2.test", &tags("office")),
            // Routes that do not ask are for everybody.
            ("/v2/app/tags/list from 10.1.2.3", "https://cdn.test/[/v2/app/tags/list]"),
        ],
    );
}

proptest! {
    #[test]
    fn whatever_is_asked_a_redirect_stays_below_a_base(
        path in path(),
        prefix in "|acme/|acme/web/|flat/|moved/|renamed/|near/",
        query in any::<Option<String>>(),
    ) {
        // The same path, below each of the routes.
        let path = path.replacen("/v2/", &format!("/v2/{prefix}"), 1);
        let settings = settings(SETTINGS);
        let asked = Asked { method: &Method::GET, path: &path, query: query.as_deref(), client: None };
        let answer = decide(&asked, &settings, &Health::default());
        if let Answer::Reply(Reply::Redirect(location) | Reply::RedirectOfClient(location)) = answer {
            let known = ["cdn", "one", "web", "flat", "far", "registry"].map(|host| format!("https://{host}.test/"));
            let below = known.iter().find_map(|base| location.strip_prefix(base));
            let below = below.map(|it| it.split_once('?').map_or(it, |(path, _)| path));
            prop_assert!(below.is_some_and(|it| it.split('/').all(|segment| !matches!(segment, "" | "." | ".."))), "{location}");
            prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
        }
    }
}

#[test]
fn documents_are_served_and_content_is_not() {
    check(
        "documents = 'serve'\norigin = 'https://bucket.test'\n\
        cdn = 'https://cdn.test'\n[[route]]\nprefix = 'acme'\ncdn = ['https://one.test', 'https://two.test']\n\
        [[route.from]]\nnetworks = ['10.0.0.0/8']\ncdn = 'https://office.test'\n\
        [[route]]\nprefix = 'acme/own'\nrewrite = 'other'\ncdn = 'https://one.test'\norigin = 'https://own.test'\n\
        [[route]]\nprefix = 'moved'\nregistry = 'https://registry.test'\norigin = 'https://nobody.test'",
        &[
            ("/v2/app/manifests/1", "served https://bucket.test/[/v2/app/manifests/1]"),
            ("/v2/app/manifests/sha256:HEX", "served https://bucket.test/[/v2/app/manifests/sha256:HEX]"),
            ("/v2/app/tags/list?n=1", "served https://bucket.test/[/v2/app/tags/list]"),
            ("/v2/app/referrers/sha256:HEX", "served https://bucket.test/[/v2/app/referrers/sha256:HEX]"),
            ("/v2/_catalog", "served https://bucket.test/[/v2/_catalog]"),
            ("/v1/repositories/app/images", "served https://bucket.test/repositories/library/app/images"),
            ("/v1/repositories/a/app/tags", "served https://bucket.test/repositories/a/app/tags"),
            ("/v1/repositories/a/app/tags/1", "served https://bucket.test/repositories/a/app/tag_1.json"),
            ("/v1/images/HEX/json", "served https://bucket.test/images/HEX/json"),
            ("/v1/images/HEX/ancestry", "served https://bucket.test/images/HEX/ancestry"),
            ("/v1/search?q=app", "served https://bucket.test/[/v2/_catalog]"),
            ("/v1/images/HEX/layer", "https://cdn.test/images/HEX/layer"),
            ("/v2/app/blobs/sha256:HEX", "https://cdn.test/[/v2/app/blobs/sha256:HEX]"),
            ("/v2/acme/app/manifests/1", "served private https://one.test/[/v2/acme/app/manifests/1]"),
            (
                "/v2/acme/app/manifests/1 without one.test",
                "served private https://two.test/[/v2/acme/app/manifests/1]",
            ),
            (
                "/v2/acme/app/manifests/1 from 10.1.2.3",
                "served private https://office.test/[/v2/acme/app/manifests/1]",
            ),
            ("/v2/acme/own/app/tags/list", "served https://own.test/[/v2/other/app/tags/list]"),
            ("/v2/moved/app/tags/list?n=1", "https://registry.test/v2/moved/app/tags/list?n=1"),
        ],
    );
    check(
        "documents = 'serve'\n[default]\nregistry = 'https://registry.test'",
        &[("/v1/search?q=app", "404"), ("/v2/_catalog", "https://registry.test/v2/_catalog")],
    );
    check(
        "documents = 'serve'\ndirectory = 'bucket'",
        &[
            ("/v2/app/manifests/1", "served bucket/[/v2/app/manifests/1]"),
            ("/v2/app/blobs/sha256:HEX", "/objects/[/v2/app/blobs/sha256:HEX]"),
        ],
    );
}
