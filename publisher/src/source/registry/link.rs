//! Pages of a list: the `Link` to the next one (RFC 8288 §3; distribution spec, "Listing Tags").

use reqwest::header::{HeaderMap, LINK};

/// Where the next page is, as the registry wrote it.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok()).find_map(of_line)
}

fn of_line(mut line: &str) -> Option<String> {
    while let Some((_, rest)) = line.split_once('<') {
        let (target, rest) = rest.split_once('>')?;
        // The next link begins with `<`; a comma alone can be part of a quoted value.
        let parameters = rest.split('<').next().unwrap_or_default();
        if parameters.split([';', ',']).any(is_next) {
            return Some(target.trim().to_owned());
        }
        line = rest;
    }
    None
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut words = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && words.any(|word| word.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_line_a_page_is_part_of_it(line in prop_oneof!["\\PC*", "[<>;, =\"a-z]{0,40}"]) {
            let Ok(value) = HeaderValue::from_bytes(line.as_bytes()) else { return Ok(()) };
            let headers = [(LINK, value)].into_iter().collect();
            if let Some(next) = next(&headers) {
                prop_assert!(line.contains(&next) && !next.contains(['<', '>']), "{}", next);
            }
        }

        #[test]
        fn the_next_page_is_found_behind_any_other(
            others in proptest::collection::vec("<[!-;=?-~]{0,20}>; rel=\"(prev|last|nexts)\"; title=\"[a-z,; ]{0,9}\"", 0..3),
            target in "[!-;=?-~]{1,40}",
            more in prop_oneof![Just(""), Just("; title=\"a, b\""), Just(";type=x")],
            rel in prop_oneof![Just("rel=next"), Just("REL=\"next\""), Just("rel=\"last next\"")],
        ) {
            let mut links = others;
            links.push(format!("<{target}>{more}; {rel}"));
            let value = HeaderValue::from_str(&links.join(", ")).unwrap();
            let headers = [(LINK, value)].into_iter().collect();
            prop_assert_eq!(next(&headers), Some(target));
        }
    }

    #[test]
    fn the_next_page_is_found_among_links() {
        for (line, expected) in [
            (r#"</v2/a/tags/list?n=1&last=b>; rel="next""#, Some("/v2/a/tags/list?n=1&last=b")),
            (r#"<https://h/v2/a?last=b%2Cc>;rel=next"#, Some("https://h/v2/a?last=b%2Cc")),
            (r#"<a>; rel="prev", <b>; title="x, y"; Rel="last next""#, Some("b")),
            (r#"<a>; rel="prev""#, None),
            (r#"<a>; rel="nextish""#, None),
            (r#"<a; rel="next""#, None),
            ("", None),
        ] {
            let headers = [(LINK, line.parse().unwrap())].into_iter().collect();
            assert_eq!(next(&headers).as_deref(), expected, "{line}");
        }
    }
}
