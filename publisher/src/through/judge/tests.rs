//! What each kind of answer means.

use bytes::Bytes;
use contract::digest::{Algorithm, Digest};
use contract::listing::{Catalog, Listing, Referrers, TagList};
use contract::media::MediaType;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::super::exchange::{Hop, How, Lost};
use super::*;

const ENDPOINT: &str = "https://registry.example.com/v2/";
const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[]}"#;

/// `200 name: value | name: value`, then a body.
fn exchange(how: How, head: &str, body: &str) -> Exchange {
    let (status, fields) = head.split_once(' ').unwrap_or((head, ""));
    let headers: HeaderMap = fields
        .split(" | ")
        .filter_map(|field| field.split_once(": "))
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let answer =
        Answer { status: status.parse().unwrap(), headers, body: Bytes::copy_from_slice(body.as_bytes()) };
    Exchange { how, url: ENDPOINT.parse().unwrap(), hops: Vec::new(), end: Ok(answer) }
}

fn get(head: &str, body: &str) -> Exchange {
    exchange(How::Get, head, body)
}

fn led(from: &str, hops: &[(u16, &str)]) -> Exchange {
    let hops = hops.iter().map(|(status, to)| Hop { status: *status, to: to.parse().unwrap() }).collect();
    Exchange { url: from.parse().unwrap(), hops, ..get("200", "") }
}

/// Each finding by its first words.
#[track_caller]
fn says(wrong: &[Wrong], expected: &[&str], case: &str) {
    let said: Vec<String> = wrong.iter().map(Wrong::to_string).collect();
    let right = said.iter().zip(expected).all(|(said, expected)| said.starts_with(expected));
    assert!(right && said.len() == expected.len(), "{case}: {said:#?} instead of {expected:#?}");
}

fn text(listing: &impl Listing) -> String {
    String::from_utf8(listing.to_bytes()).unwrap()
}

#[test]
fn the_way_is_one_redirect_that_every_client_follows() {
    let cdn = "https://cdn.example.com/x";
    for (from, hops, v1, expected) in [
        (ENDPOINT, &[][..], false, &[][..]),
        (ENDPOINT, &[(302, cdn)], true, &[]),
        (ENDPOINT, &[(308, cdn)], false, &[]),
        (ENDPOINT, &[(308, cdn)], true, &["is redirected with 308"]),
        (ENDPOINT, &[(302, cdn), (301, cdn)], false, &["takes 2 redirects"]),
        (
            ENDPOINT,
            &[(302, "http://cdn.example.com/x")],
            false,
            &["leads from https to http://cdn.example.com"],
        ),
        ("http://registry.example.com/", &[(302, "http://cdn.example.com/x")], false, &[]),
        (
            ENDPOINT,
            &[(302, "https://10.0.0.5/x")],
            false,
            &["leads from registry.example.com to the private"],
        ),
        (
            ENDPOINT,
            &[(302, "https://[fd00::1]/x")],
            false,
            &["leads from registry.example.com to the private"],
        ),
        (ENDPOINT, &[(302, "https://8.8.8.8/x")], false, &[]),
        ("http://10.0.0.5:5000/", &[(302, "http://10.0.0.5:9000/x")], false, &[]),
        (
            "http://localhost:5000/",
            &[(302, "http://127.0.0.1:9000/x")],
            false,
            &["leads from localhost to the"],
        ),
        ("http://localhost:5000/", &[(302, "http://localhost:9000/x")], false, &[]),
    ] {
        says(&way(&led(from, hops), v1), expected, &format!("{from} {hops:?}"));
    }
    for (lost, expected) in [
        (Lost::Failed("no route".into()), "is not answered: no route"),
        (Lost::Nowhere(String::new()), "is redirected to ``"),
        (Lost::Endless, "is redirected again"),
    ] {
        let exchange = Exchange { end: Err(lost), ..get("200", "") };
        says(&way(&exchange, false), &[expected], expected);
        says(&version(&exchange), &[], "told once");
    }
}

#[test]
fn a_certificate_has_advice_of_its_own() {
    let advice = |why: &str| Wrong::NoAnswer(why.into()).advice().fix;
    assert!(advice("invalid peer certificate: Expired").starts_with("renew the certificate"));
    assert!(advice("connection refused").starts_with("look at name"));
}

#[test]
fn a_registry_says_so_at_the_door() {
    for (head, expected) in [
        ("200", &[][..]),
        ("401 www-authenticate: Bearer realm=\"x\"", &["wants a login"]),
        ("401", &["is answered 401 without"]),
        ("404", &["is answered 404 instead of 200"]),
    ] {
        says(&version(&get(head, "{}")), expected, head);
    }
    for (url, plain) in [
        ("http://registry.example.com/v2/", true),
        ("http://10.0.0.1/v2/", true),
        ("http://127.0.0.1:5000/v2/", false),
        ("http://localhost/v2/", false),
    ] {
        let exchange = Exchange { url: url.parse().unwrap(), ..get("200", "{}") };
        assert_eq!(version(&exchange), if plain { vec![Wrong::PlainHttp] } else { Vec::new() }, "{url}");
    }
    let (https, http): (Url, Url) =
        ("https://cdn.example.com".parse().unwrap(), "http://cdn.example.com".parse().unwrap());
    for (head, layers, expected) in [
        ("200", &https, &[][..]),
        ("200 x-docker-registry-standalone: false", &http, &[]),
        ("200 x-docker-registry-standalone: true", &http, &["says no `X-Docker-Registry-Standalone"]),
        ("200", &http, &["says no `X-Docker-Registry-Standalone"]),
        ("404", &https, &["is answered 404"]),
    ] {
        says(&ping(&get(head, "{}"), Some(layers)), expected, head);
    }
}

#[test]
fn a_manifest_has_its_type_its_bytes_and_its_digest() {
    let digest = Digest::of(Algorithm::Sha256, MANIFEST.as_bytes());
    let media_type = MediaType::from(MediaType::OCI_MANIFEST);
    let shown = Shown { digest: &digest, media_type: &media_type, tag: None };
    let ours = format!("content-type: {media_type} | docker-content-digest: {digest}");
    let typed =
        |media_type: &str| format!("200 content-type: {media_type} | docker-content-digest: {digest}");
    for (head, body, expected) in [
        (format!("200 {ours}"), MANIFEST, &[][..]),
        (format!("200 content-type: {media_type}"), MANIFEST, &["comes without Docker-Content-Digest"]),
        (
            typed("application/octet-stream"),
            MANIFEST,
            &["comes with the Content-Type `application/octet-stream`"],
        ),
        (typed(&format!("{media_type}; charset=utf-8")), MANIFEST, &["comes with the Content-Type"]),
        (format!("200 docker-content-digest: {digest}"), MANIFEST, &["comes with the Content-Type none"]),
        (format!("200 {ours} | etag: W/\"1\""), MANIFEST, &["comes with the weak ETag"]),
        (
            format!("200 content-type: {media_type} | docker-content-digest: sha256:12"),
            MANIFEST,
            &["comes with the Docker-Content-Digest `sha256:12`"],
        ),
        ("403".into(), "", &["is in the store and answered 403"]),
        (format!("200 content-type: {media_type}"), "<html>", &["comes with other bytes", "comes without"]),
    ] {
        says(&manifest(&get(&head, body), None, &shown), expected, &head);
    }
    let sha512 = Digest::of(Algorithm::Sha512, MANIFEST.as_bytes());
    let other_name = format!("200 content-type: {media_type} | docker-content-digest: {sha512}");
    says(&manifest(&get(&other_name, MANIFEST), None, &shown), &[], "its digest by sha512");
    let charset = manifest(&get(&typed(&format!("{media_type};charset=x")), MANIFEST), None, &shown);
    assert!(charset.iter().all(|wrong| wrong.advice().notice));
}

#[test]
fn what_is_wrapped_is_so_for_go_or_for_everybody() {
    let digest = Digest::of(Algorithm::Sha256, MANIFEST.as_bytes());
    let media_type = MediaType::from(MediaType::OCI_MANIFEST);
    let shown = Shown { digest: &digest, media_type: &media_type, tag: None };
    let head = format!("200 content-type: {media_type} | docker-content-digest: {digest}");
    let wrapped = get(&format!("{head} | content-encoding: gzip"), "\u{1f}wrapped");
    let (bare, still) = (get(&head, MANIFEST), wrapped.clone());
    says(&manifest(&wrapped, Some(&bare), &shown), &["is compressed on its way"], "bare");
    says(&manifest(&wrapped, Some(&still), &shown), &["is sent with the Content-Encoding `gzip`"], "still");
    let begin = Bytes::from_static(b"bytes");
    says(&content(&wrapped, Some(&bare), 5, &begin), &["is compressed on its way"], "content");
}

#[test]
fn a_tag_shows_what_its_link_says() {
    let link = Digest::of(Algorithm::Sha256, b"the new one");
    let old = Digest::of(Algorithm::Sha256, MANIFEST.as_bytes());
    let media_type = MediaType::from(MediaType::DOCKER_MANIFEST);
    let with = |view: Digest| Shown { digest: &link, media_type: &media_type, tag: Some((Some(view), 60)) };
    let head = |more: &str| {
        format!("200 content-type: {} | docker-content-digest: {old} | {more}", MediaType::OCI_MANIFEST)
    };
    for (more, in_time, expected) in [
        ("cache-control: max-age=60 | age: 59", true, 1),
        ("cache-control: max-age=60", false, 1),
        ("cache-control: max-age=40", true, 1),
        ("cache-control: max-age=0", true, 1),
        ("cache-control: max-age=60 | age: 61", false, 1),
        ("cache-control: max-age=86400 | age: 5", false, 2),
        ("cache-control: public, max-age=60, s-maxage=600", false, 2),
        ("cache-control: no-cache", false, 1),
        ("age: 5", false, 1),
    ] {
        let wrong = manifest(&get(&head(more), MANIFEST), None, &with(link));
        assert_eq!(wrong.len(), expected, "{more}: {wrong:?}");
        let [Wrong::Stale { shown, link: said, kept }, ..] = &wrong[..] else { panic!("{more}: {wrong:?}") };
        assert_eq!((shown, said, kept.in_time), (&old, &link, in_time), "{more}");
        assert_eq!(wrong[0].advice().notice, in_time, "{more}");
    }
    let told = manifest(&get(&head("cache-control: max-age=60 | age: 61"), MANIFEST), None, &with(link));
    assert!(told[0].to_string().ends_with("(Age 61, Cache-Control `max-age=60`)"), "{}", told[0]);
    let behind = manifest(&get(&head("age: 1"), MANIFEST), None, &with(old));
    assert_eq!(behind, [Wrong::StoreBehind { shown: old, link }]);
    let page = get("200 content-type: text/html | cache-control: max-age=1", "<html>");
    says(&manifest(&page, None, &with(link)), &["comes with other bytes", "comes without"], "a page");
}

#[test]
fn contents_come_whole_and_in_parts() {
    let begin = Bytes::from_static(b"0123");
    for (head, body, expected) in [
        ("200 content-length: 8", "01234567", &[][..]),
        ("200", "0123", &[]),
        ("200 content-length: 9", "0123", &["comes with the length 9"]),
        ("200 content-length: 8", "0x23", &["comes with other bytes"]),
        ("200", "012345678", &["comes with other bytes"]),
        ("404", "", &["is in the store and answered 404"]),
    ] {
        says(&content(&get(head, body), None, 8, &begin), expected, head);
    }
    for (head, body, expected) in [
        ("206 content-range: bytes 4-5/8", "45", &[][..]),
        ("206 content-range: bytes 4-5/8", "4567", &["comes with other bytes than those"]),
        ("206 content-range: bytes 0-1/8", "45", &["comes with other bytes than those"]),
        ("206", "45", &["comes with other bytes than those (Content-Range none)"]),
        ("200", "01234567", &["is answered 200 with the whole"]),
        ("416", "", &["is answered 416 instead of 206"]),
    ] {
        let exchange = exchange(How::Part(4, 5), head, body);
        says(&part(&exchange, 4, &Bytes::from_static(b"45"), 8), expected, head);
    }
}

#[test]
fn head_says_what_get_says() {
    let full = "200 content-type: a/b | content-length: 8 | docker-content-digest: x";
    for (of_get, of_head, expected) in [
        (full, full, &[][..]),
        (full, "405", &["is answered 405, and GET 200"]),
        (
            full,
            "200 content-type: a/b | docker-content-digest: x",
            &["says Content-Length none, and GET `8`"],
        ),
        (
            full,
            "200 content-length: 8 | docker-content-digest: x",
            &["says Content-Type none, and GET `a/b`"],
        ),
        (full, "200 content-type: a/b | content-length: 8", &["says Docker-Content-Digest none"]),
        ("200", "200 content-length: 8", &[]),
        ("200 content-encoding: gzip | content-length: 5", "200 content-length: 8", &[]),
        ("404", "403", &[]),
    ] {
        says(&head(&exchange(How::Head, of_head, ""), &get(of_get, "")), expected, of_head);
    }
}

#[test]
fn lists_name_what_is_there() {
    let name = "acme/app".parse().unwrap();
    let set = |text: &str| text.split_whitespace().map(|tag| tag.parse().unwrap()).collect();
    let list = |tags: &str| text(&TagList { name: "acme/app".parse().unwrap(), tags: set(tags) });
    let names = Names::of(&set("1 2 3"), &set("2 3 4"));
    for (head, body, expected) in [
        ("200", list("1 2 3"), &[][..]),
        ("200", list("2 3 4"), &[]),
        ("200", list("1"), &["lacks 2 and 1 more (no Age, Cache-Control none)"]),
        ("200", list("2 3 9"), &["names, though it is gone, 9"]),
        ("200 link: </v2/x>; rel=\"next\"", list("1"), &[]),
        ("200", "<html>".into(), &["is no list"]),
        ("200", text(&TagList::new("acme/other".parse().unwrap())), &["is the list of acme/other"]),
        ("200 cache-control: max-age=600", list("2 3"), &["may be kept for 600 s"]),
        ("403", String::new(), &["is in the store and answered 403"]),
    ] {
        says(&tags(&get(head, &body), &name, &names, 60), expected, &body);
    }
    let catalog_of = |names: &str| {
        let repositories = names.split_whitespace().map(|name| name.parse().unwrap()).collect();
        Catalog { repositories }
    };
    for (names, expected) in [("a b c", &[][..]), ("b", &["does not name a"])] {
        let must = catalog_of("a b").repositories;
        says(&catalog(&get("200", &text(&catalog_of(names))), &must), expected, names);
    }
}

#[test]
fn a_list_of_referrers_has_exactly_its_type() {
    let none = Referrers::default();
    let index = MediaType::OCI_INDEX;
    for (head, body, expected) in [
        (format!("200 content-type: {index}"), text(&none), &[][..]),
        (format!("200 content-type: {index}; charset=utf-8"), text(&none), &["comes with the Content-Type"]),
        (format!("200 content-type: {index}"), "x".into(), &["is no list"]),
        ("404".into(), String::new(), &["is in the store and answered 404"]),
    ] {
        says(&referrers(&get(&head, &body), std::slice::from_ref(&none), 60), expected, &head);
    }
    let typed = get(&format!("200 content-type: {index}"), &text(&none));
    says(&referrers(&typed, &[], 60), &["does not name the referrers"], "others");
}

#[test]
fn what_is_missing_is_404_in_a_registrys_words() {
    let said = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"m"}}]}}"#);
    let (today, old, stops) = ((false, false), (true, false), (true, true));
    for (status, body, (v1, version), expected) in [
        ("404", said("MANIFEST_UNKNOWN"), stops, &[][..]),
        ("404", "<xml/>".into(), today, &["is not in the store, and the 404 is not"]),
        ("404", "<xml/>".into(), old, &["is not in the store, and the 404 is not"]),
        ("404", "<xml/>".into(), stops, &["is not in the store, and the 404 says something else"]),
        ("404", said("NAME_UNKNOWN"), today, &[]),
        ("404", said("NAME_UNKNOWN"), old, &["is not in the store, and the 404 says NAME_UNKNOWN"]),
        ("403", String::new(), today, &["is not in the store and answered 403"]),
        ("200", "<html>".into(), today, &["is not in the store and answered 200"]),
    ] {
        let wrong = missing(&get(status, &body), Absent::Manifest { v1, version });
        says(&wrong, expected, &format!("{status} {body} {v1} {version}"));
    }
    let empty = text(&Referrers::default());
    for (status, body, absent, expected) in [
        ("404", "<xml/>", Absent::Blob, 0),
        ("200", "", Absent::Blob, 1),
        ("404", "", Absent::Referrers, 0),
        ("200", &*empty, Absent::Referrers, 0),
        ("200", "<html>", Absent::Referrers, 1),
        ("403", "", Absent::Referrers, 1),
    ] {
        assert_eq!(missing(&get(status, body), absent).len(), expected, "{status} {body} {absent:?}");
    }
    let head = exchange(How::Head, "404", "");
    says(&missing(&head, Absent::Manifest { v1: true, version: true }), &[], "HEAD has no words");
}

#[test]
fn documents_of_v1_are_the_stores() {
    let may_be = [Bytes::from_static(b"\"a\""), Bytes::from_static(b"\"b\"")];
    for (body, ttl, expected) in [
        ("\"a\"", Some(60), &[][..]),
        ("\"b\"", None, &[]),
        ("\"c\"", Some(60), &["does not say what the store says (no Age"]),
        ("\"c\"", None, &["comes with other bytes"]),
    ] {
        says(&document(&get("200", body), &may_be, ttl), expected, body);
    }
}
