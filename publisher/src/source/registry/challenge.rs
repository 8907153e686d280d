//! What a registry asks for before it answers: `WWW-Authenticate` (RFC 9110 §11.6.1), read by the crate `http-auth`.

use http_auth::ChallengeRef;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// How a registry wants to know who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request (RFC 7617).
    Basic,
    /// A token that somebody else issues
    /// ([distribution, "Token Authentication"](https://distribution.github.io/distribution/spec/auth/token/)).
    Bearer {
        /// Where.
        realm: String,
        /// For which registry.
        service: Option<String>,
        /// For which right.
        scope: Option<String>,
    },
}

/// The best one of an answer that this program can meet; tokens before passwords. `None` where there is none.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    let all = lines
        .filter_map(|line| http_auth::parse_challenges(line).ok())
        .flat_map(|found| found.iter().filter_map(read).collect::<Vec<_>>());
    all.min_by_key(|challenge| matches!(challenge, Challenge::Basic))
}

fn read(challenge: &ChallengeRef<'_>) -> Option<Challenge> {
    let scheme = challenge.scheme;
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    let get = |name: &str| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped()).filter(|value| !value.is_empty())
    };
    let bearer = |realm| Challenge::Bearer { realm, service: get("service"), scope: get("scope") };
    scheme.eq_ignore_ascii_case("bearer").then(|| get("realm").map(bearer)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;

    fn of(lines: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, line.parse().unwrap());
        }
        challenge(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Challenge::Bearer { realm: realm.into(), service: owned(service), scope: owned(scope) })
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull""#;
        let expected = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:library/alpine:pull"),
        );
        assert_eq!(of(&[hub]), expected);
        assert_eq!(of(&[r#"bearer Realm="https://h/t""#]), bearer("https://h/t", None, None));
        let escaped = r#"Bearer realm="https://h/t", service="a \"b\", c", scope="repository:a:pull,push""#;
        assert_eq!(of(&[escaped]), bearer("https://h/t", Some("a \"b\", c"), Some("repository:a:pull,push")));
        assert_eq!(of(&[r#"Basic realm="ECR",service="x""#]), Some(Challenge::Basic));
    }

    #[test]
    fn a_token_is_better_than_a_password() {
        let (basic, token) = (r#"Basic realm="a""#, r#"Bearer realm="https://h/t""#);
        let expected = bearer("https://h/t", None, None);
        assert_eq!(of(&[basic, token]), expected);
        assert_eq!(of(&[&format!("{basic}, {token}")]), expected);
        assert_eq!(of(&["Negotiate", basic]), Some(Challenge::Basic));
    }

    /// As a header's quoted string (RFC 9110, section 5.6.4).
    fn quoted(text: &str) -> String {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_is_read_or_not_but_never_half(
            lines in vec(prop_oneof!["\\PC*", "[A-Za-z =,\"\\\\]{0,40}", "(Basic|bEARER) [a-z]{0,7}=\"?[ -~]{0,20}"], 0..4),
        ) {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.extend(HeaderValue::from_bytes(line.as_bytes()).map(|line| (WWW_AUTHENTICATE, line)));
            }
            let Some(Challenge::Bearer { realm, service, scope }) = challenge(&headers) else { return Ok(()) };
            prop_assert!(!realm.is_empty());
            prop_assert!([service, scope].into_iter().flatten().all(|text| !text.is_empty()));
        }

        #[test]
        fn what_is_written_by_the_rules_is_read(
            values in vec("[ -~]{1,30}", 3),
            order in Just(["realm", "Service", "SCOPE"]).prop_shuffle(),
            scheme in "[Bb]earer",
            before in prop_oneof![Just(""), Just("Basic realm=\"x, Bearer y\", "), Just("Negotiate, ")],
        ) {
            let names = ["realm", "Service", "SCOPE"];
            let value = |name: &str| values[names.iter().position(|it| *it == name).unwrap()].as_str();
            let parameters: Vec<_> = order.iter().map(|name| format!("{name}={}", quoted(value(name)))).collect();
            let line = format!("{before}{scheme} {}", parameters.join(", "));
            let expected = bearer(value("realm"), Some(value("Service")), Some(value("SCOPE")));
            prop_assert_eq!(of(&[&line]), expected, "{}", line);
        }
    }

    #[test]
    fn what_cannot_be_met_is_none() {
        for line in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer service=\"a\"",
            "Bearer realm=\"\"",
            "Bearer realm=\"x",
            "=,=\"",
        ] {
            assert_eq!(of(&[line]), None, "{line}");
        }
        assert_eq!(of(&[]), None);
    }
}
