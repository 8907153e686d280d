//! `check` and `route`: what a settings file would do, told without serving.

use crate::rig::program::run;
use crate::rig::settings::File;

const SETTINGS: &str = "
cdn = 'https://cdn.test'
[networks]
office = ['10.0.0.0/8']
[[route]]
prefix = 'acme'
cdn = ['https://one.test', 'https://two.test']
rewrite = 'firm'
[[route.from]]
networks = ['office']
cdn = 'https://office.test'
[[route]]
prefix = 'moved'
registry = 'https://registry.test'
";

#[test]
fn a_good_file_is_told_route_by_route() {
    let file = File::new(SETTINGS);
    let (code, out, err) =
        run(&[("CDN_URL", "https://environment.test")], &["check", file.path().to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "acme       https://one.test/, else https://two.test/, others by the client's address, as \"firm\"\n\
         moved      registry https://registry.test/\n\
         (default)  https://cdn.test/\n"
    );
}

#[test]
fn where_documents_come_from_is_told() {
    let settings = "cdn = 'https://cdn.test'\norigin = 'https://bucket.test/all'\n\
                    [[route]]\nprefix = 'a'\ncdn = 'https://a.test'\norigin = 'https://b.test'\n\
                    [[route]]\nprefix = 'c'\ncdn = 'https://c.test'";
    let told = |documents: &str| {
        let file = File::new(&format!("documents = '{documents}'\n{settings}"));
        let (code, out, err) = run(&[], &["check", file.path().to_str().unwrap()]);
        assert_eq!((code, err.as_str()), (Some(0), ""));
        out
    };
    assert_eq!(
        told("serve"),
        "a          https://a.test/; documents from https://b.test/\n\
         c          https://c.test/\n\
         (default)  https://cdn.test/; documents from https://bucket.test/all/\n"
    );
    assert!(!told("redirect").contains("documents"));
}

#[test]
fn what_some_clients_do_not_follow_is_noted() {
    let file = File::new(
        "public-url = 'https://registry.test'\ncdn = 'http://cdn.registry.test'\n\
         [[route]]\nprefix = 'a'\nregistry = 'https://10.1.2.3'\n\
         [[route]]\nprefix = 'b'\ncdn = 'https://myregistry.test'",
    );
    let (code, _, err) = run(&[], &["check", file.path().to_str().unwrap()]);
    assert_eq!(code, Some(0));
    assert_eq!(
        err,
        "note: http://cdn.registry.test/ is plain http behind an https public-url: some clients (regclient) do not follow\n\
         note: http://cdn.registry.test/ is at or below the public URL's host: clients written in Go send credentials along\n\
         note: https://10.1.2.3/ is a private address: some clients (crane, regclient) do not follow from another host\n"
    );
}

#[test]
fn a_bad_file_is_refused_as_at_start() {
    for (text, message) in [
        (
            "cdn = 'cdn.test'",
            "error: the CDN base `cdn.test` cannot be used\ncaused by: it is not an absolute",
        ),
        ("cnd = 'https://cdn.test'", "unknown field `cnd`"),
        ("listen = '127.0.0.1:0'", "error: neither a CDN nor a directory is given\n"),
        (
            "cdn = 'https://cdn.test'\n[[route]]\nprefix = 'a'\nregistry = 'https://r.test/x'",
            "error: the route `a` cannot be used\ncaused by: its registry `https://r.test/x/` has a path, but a registry \
             is a host; names change by `rewrite`\nhint: with rewrite",
        ),
        ("directory = '/does/not/exist'", "error: the directory `/does/not/exist` cannot be opened\n"),
        ("cdn = 'https://cdn.test'\n[watch]\nca = '/dev/null'", "caused by: there is no certificate in it\n"),
    ] {
        let file = File::new(text);
        let path = file.path();
        for arguments in
            [&["check", path.to_str().unwrap()][..], &["route", path.to_str().unwrap(), "GET", "/v2/"]]
        {
            let (code, out, err) = run(&[("CDN_URL", "https://environment.test")], arguments);
            assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
            assert!(err.contains(message), "{err}");
        }
    }
    let (code, _, err) = run(&[], &["check", "/does/not/exist"]);
    assert_eq!(code, Some(2));
    assert!(err.starts_with("error: the settings file `/does/not/exist` cannot be read\n"), "{err}");
}

/// What `route` prints for this request.
fn told(arguments: &[&str]) -> String {
    let file = File::new(SETTINGS);
    let (code, out, err) = run(&[], &[&["route", file.path().to_str().unwrap()], arguments].concat());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    out
}

#[test]
fn an_answer_is_told_with_its_reasons() {
    assert_eq!(
        told(&["GET", "/v2/acme/app/manifests/1.0", "--from", "10.1.2.3"]),
        "302 Found\n\
         location: https://office.test/docker/registry/v2/repositories/firm/app/_manifests/tags/1.0/current/manifest\n\
         content-length: 0\n\
         cache-control: private, no-store\n\
         \n\
         because the repository acme/app is under the route acme\n\
         because there it is called firm/app\n\
         because the client 10.1.2.3 is in 10.0.0.0/8\n\
         because its base is https://office.test/\n"
    );
}

#[test]
fn the_reasons_are_those_of_the_answer() {
    for (arguments, parts) in [
        (
            &["GET", "/v2/acme/app/tags/list"][..],
            &[
                "location: https://one.test/docker",
                "because it depends on the client's address, which is not given\n",
                "because the first of its 2 bases that is up is https://one.test/\n",
            ][..],
        ),
        (
            &["GET", "/v2/acme/app/tags/list", "--from", "192.0.2.1", "--down", "https://one.test"],
            &[
                "location: https://two.test/docker",
                "because the client 192.0.2.1 is in none of the route's networks\n",
                "that is up is https://two.test/\n",
            ],
        ),
        (
            &["HEAD", "/v2/acme/tags/list", "--down", "https://one.test", "--down", "https://two.test/"],
            &[
                "location: https://one.test/docker",
                "because none of its 2 bases is up: the first, https://one.test/\n",
            ],
        ),
        (
            &["GET", "/v2/moved/app/tags/list?n=5"],
            &[
                "location: https://registry.test/v2/moved/app/tags/list?n=5\n",
                "because it leads to another registry, https://registry.test/\n",
            ],
        ),
        (
            &["GET", "/v2/_catalog"],
            &["because it names no repository: the default route\n", "its base is https://cdn.test/"],
        ),
        (&["GET", "/v2/app/tags/list"], &["because the repository app is under no route: the default\n"]),
        (&["GET", "/v2/"], &["200 OK\n", "because the endpoint answers this itself"]),
        (&["GET", "/v2/Acme/tags/list"], &["404 Not Found\n", "because this path asks for no object"]),
        (
            &["PUT", "/v2/acme/app/manifests/1"],
            &["405 Method Not Allowed\n", "because nothing can be changed here"],
        ),
    ] {
        let out = told(arguments);
        for part in parts {
            assert!(out.contains(part), "{arguments:?}\n{out}");
        }
    }
}

#[test]
fn wrong_questions_are_refused() {
    let file = File::new(SETTINGS);
    let path = file.path();
    for (arguments, message) in [
        (&["GET"][..], "required arguments were not provided"),
        (&["GET", "v2/"], "error: the path `v2/` does not begin with a slash\n"),
        (&["GET", "/v2/", "--from", "office"], "invalid value 'office'"),
        (
            &["GET", "/v2/", "--down", "one.test"],
            "error: --down names `one.test`, which cannot be a base\ncaused by: ",
        ),
        (
            &["GET", "/v2/", "--down", "https://x.test"],
            "error: --down names `https://x.test/`, to which no route leads\n",
        ),
        (&["GET", "/v2/", "--cdn", "https://x.test"], "unexpected argument '--cdn'"),
    ] {
        let (code, out, err) = run(&[], &[&["route", path.to_str().unwrap()], arguments].concat());
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(err.contains(message), "{err}");
    }
}
