use contract::digest::Algorithm;

use super::*;

const NOW: Duration = Duration::from_secs(1_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn digest(text: &str) -> Digest {
    Digest::of(Algorithm::Sha256, text.as_bytes())
}

fn app() -> Repository {
    "acme/app".parse().unwrap()
}

fn candidate(tag: &str, points_to: &str, days: Option<u32>) -> Candidate {
    let moved = days.map(|days| SystemTime::UNIX_EPOCH + NOW - DAY * days);
    Candidate { tag: tag.parse().unwrap(), digest: digest(points_to), moved }
}

/// What is said of each tag; nothing of those that go.
fn said(tags: Vec<Candidate>, rules: &Rules) -> Vec<String> {
    let verdicts = decide(&app(), tags, rules, SystemTime::UNIX_EPOCH + NOW);
    let text = |verdict: Verdict| verdict.kept.map(|kept| kept.to_string()).unwrap_or_default();
    verdicts.into_iter().map(text).collect()
}

fn patterns(texts: &[&str]) -> Vec<TagPattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// `a` is of today, `b` of yesterday, and so on.
fn four() -> Vec<Candidate> {
    let days = ["a", "b", "c", "d"].iter().zip(0..);
    days.map(|(tag, days)| candidate(tag, tag, Some(days))).collect()
}

#[test]
fn each_rule_keeps_its_own() {
    let listed = Listed::parse("acme/app:d\n").unwrap();
    for (rules, expected) in [
        (Rules { newest: Some(2), ..Rules::default() }, ["is of the newest 2", "is of the newest 2", "", ""]),
        (Rules { newest: Some(0), ..Rules::default() }, ["", "", "", ""]),
        (
            Rules { patterns: patterns(&["d", "?"]), ..Rules::default() },
            ["matches ?"; 4].map_last("matches d"),
        ),
        (Rules { younger: Some(DAY * 2), ..Rules::default() }, {
            let young = "is younger than 2days";
            [young, young, "", ""]
        }),
        (Rules { listed: Some(listed.clone()), ..Rules::default() }, ["", "", "", "is listed"]),
        (
            Rules {
                newest: Some(1),
                patterns: patterns(&["b"]),
                listed: Some(listed),
                immutable: Immutable { patterns: patterns(&["c"]).into_iter().collect(), if_absent: false },
                ..Rules::default()
            },
            ["is of the newest 1", "matches b", "is immutable (c)", "is listed"],
        ),
    ] {
        assert_eq!(said(four(), &rules), expected, "{rules:?}");
    }
}

/// For tables in which the last one differs.
trait MapLast {
    fn map_last(self, last: &'static str) -> Self;
}

impl MapLast for [&'static str; 4] {
    fn map_last(mut self, last: &'static str) -> Self {
        self[3] = last;
        self
    }
}

#[test]
fn what_moved_at_one_moment_is_ordered_by_name() {
    let tags =
        vec![candidate("1.9", "a", Some(1)), candidate("2.0", "b", Some(1)), candidate("1.8", "c", None)];
    let rules = Rules { newest: Some(1), ..Rules::default() };
    assert_eq!(said(tags, &rules), ["", "is of the newest 1", "has no date here"]);
}

#[test]
fn without_a_date_no_age_is_judged() {
    let tags = vec![candidate("a", "a", None)];
    let young = Rules { younger: Some(DAY), ..Rules::default() };
    assert_eq!(said(tags.clone(), &young), ["has no date here"]);
    let named = Rules { patterns: patterns(&["v*"]), ..Rules::default() };
    assert_eq!(said(tags, &named), [""]);
}

#[test]
fn a_clock_ahead_of_ours_makes_no_tag_old() {
    let moved = Some(SystemTime::UNIX_EPOCH + NOW + DAY);
    let tags = vec![Candidate { moved, ..candidate("a", "a", None) }];
    let rules = Rules { younger: Some(Duration::from_secs(1)), ..Rules::default() };
    assert_eq!(said(tags, &rules), ["is younger than 1s"]);
}

#[test]
fn signatures_go_with_what_they_sign() {
    let signature = |of: &str, end: &str| format!("sha256-{}{end}", digest(of).hex());
    let tags = || {
        vec![
            candidate("new", "kept", Some(0)),
            candidate("old", "gone", Some(9)),
            candidate("older", "kept", Some(10)),
            candidate(&signature("kept", ".sig"), "s1", Some(11)),
            candidate(&signature("gone", ".sig"), "s2", Some(9)),
            candidate(&signature("part", ""), "s3", Some(9)),
            candidate("sha256-short", "s4", Some(12)),
        ]
    };
    let belongs = "belongs to one that stays";
    let rules = Rules { newest: Some(1), ..Rules::default() };
    assert_eq!(said(tags(), &rules), ["is of the newest 1", "", "", belongs, "", belongs, ""]);
    // They do not count as new ones themselves.
    let all = Rules { newest: Some(4), ..Rules::default() };
    assert_eq!(said(tags(), &all)[4..], [belongs, belongs, "is of the newest 4"]);
}

#[test]
fn a_list_is_of_what_runs_somewhere() {
    let text = format!(
        "# in use\n\nregistry.example.com:5000/acme/app:1.2\n  acme/app@{}\nacme/other\nacme/app:x@{}\n",
        digest("by digest"),
        digest("moved since")
    );
    let listed = Listed::parse(&text).unwrap();
    let names = |name: &str, tag: &str, points_to: &str| {
        listed.names(&name.parse().unwrap(), &tag.parse().unwrap(), &digest(points_to))
    };
    for (name, tag, points_to, expected) in [
        ("acme/app", "1.2", "any", true),
        ("acme/app", "1.3", "any", false),
        ("acme/app", "1.3", "by digest", true),
        ("acme/app", "x", "any", true),
        ("acme/app", "y", "moved since", true),
        ("acme/app", "latest", "any", false),
        ("acme/other", "latest", "any", true),
        ("acme/other", "1.2", "by digest", false),
    ] {
        assert_eq!(names(name, tag, points_to), expected, "{name}:{tag} {points_to}");
    }
    let wrong = Listed::parse("acme/app:1\nAcme/App:2").unwrap_err();
    assert!(matches!(wrong, ListError::Line { line: 2, text, .. } if text == "Acme/App:2"));
}

/// `kubectl … > list` leaves such a file where it fails.
#[test]
fn a_list_that_names_nothing_keeps_nobody_from_losing_everything() {
    for text in ["", "\n", "# in use\n\n  \n"] {
        assert_eq!(Listed::parse(text), Err(ListError::Empty), "{text:?}");
    }
}
