//! Pages of a list, as the distribution spec has them ("Listing Tags"), and what else a query may say. Pure.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// What a query asks for. Parameters that are empty count as absent, as clients send them so.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// No more entries than this.
    pub(super) n: Option<usize>,
    /// Only entries behind this one.
    pub(super) last: Option<String>,
    /// Only referrers of this type.
    pub(super) artifact_type: Option<String>,
    /// What is searched for.
    pub(super) q: Option<String>,
    /// Which page of what was found, from 1.
    pub(super) page: Option<usize>,
}

/// A query with which nothing can be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuery;

/// The longest query that is read, in bytes.
const QUERY_LIMIT: usize = 2048;

impl Query {
    /// Reads what stands behind the question mark. Parameters that the spec does not know are for somebody else.
    pub(super) fn parse(text: &str) -> Result<Self, BadQuery> {
        if text.len() > QUERY_LIMIT {
            return Err(BadQuery);
        }
        let mut query = Self::default();
        for (name, value) in text.split('&').filter_map(|pair| pair.split_once('=')) {
            if value.is_empty() {
                continue;
            }
            // A plus is a plus: no tag or type has a space, and many types end in +json. But people search for words.
            let spaced = (name == "q").then(|| value.replace('+', " "));
            let value = spaced.as_deref().unwrap_or(value);
            let value = percent_decode_str(value).decode_utf8().map_err(|_| BadQuery)?;
            match name {
                "n" => query.n = Some(value.parse().map_err(|_| BadQuery)?),
                "page" => query.page = Some(value.parse().map_err(|_| BadQuery)?),
                "q" => query.q = Some(value.into_owned()),
                "last" => query.last = Some(value.into_owned()),
                "artifactType" => query.artifact_type = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(query)
    }

    /// Whether a list is asked for in pages.
    pub(super) fn is_paged(&self) -> bool {
        self.n.is_some() || self.last.is_some()
    }

    /// The entries of this page, in the list's order, and whether any come after.
    pub(super) fn page<'l, T: Ord + FromStr>(
        &self,
        list: &'l BTreeSet<T>,
    ) -> Result<(Vec<&'l T>, bool), BadQuery> {
        let begin = match self.last.as_deref().map(T::from_str) {
            Some(Ok(last)) => Excluded(last),
            Some(Err(_)) => return Err(BadQuery),
            None => Unbounded,
        };
        let mut entries = list.range((begin, Unbounded));
        let page: Vec<&T> = entries.by_ref().take(self.n.unwrap_or(usize::MAX)).collect();
        // "When n is zero, this endpoint MUST return an empty list, and MUST NOT include a Link header."
        let more = !page.is_empty() && entries.next().is_some();
        Ok((page, more))
    }
}

#[cfg(test)]
mod tests {
    use contract::name::{Repository, Tag};

    use super::*;

    #[test]
    fn pages_follow_the_spec() {
        let tags: BTreeSet<Tag> = ["1.9", "1.10", "A", "b", "C"].map(|tag| tag.parse().unwrap()).into();
        for (query, page, more) in [
            ("", "1.10 1.9 A b C", false),
            ("n=", "1.10 1.9 A b C", false),
            ("n=2", "1.10 1.9", true),
            ("n=2&last=1.9", "A b", true),
            ("last=b&n=2", "C", false),
            ("n=1&last=b", "C", false),
            ("n=5", "1.10 1.9 A b C", false),
            ("n=4", "1.10 1.9 A b", true),
            ("n=0", "", false),
            ("n=0&last=A", "", false),
            ("last=A", "b C", false),
            ("last=C", "", false),
            ("n=9&last=", "1.10 1.9 A b C", false),
            // One that is not there has a place all the same.
            ("last=aa&n=1", "b", true),
            ("n=1&ns=docker.io&x&=", "1.10", true),
        ] {
            let (found, rest) = Query::parse(query).unwrap().page(&tags).unwrap();
            let found: Vec<_> = found.into_iter().map(Tag::as_str).collect();
            assert_eq!((found.join(" ").as_str(), rest), (page, more), "{query}");
        }
        for query in ["n=-1", "n=x", "n=99999999999999999999999", "last=%ff", "last=a%20b", "last=.a"] {
            let refused = Query::parse(query).and_then(|query| query.page(&tags).map(drop));
            assert_eq!(refused, Err(BadQuery), "{query}");
        }
        assert_eq!(Query::parse(&format!("x={}", "x".repeat(QUERY_LIMIT))), Err(BadQuery));
    }

    #[test]
    fn values_are_decoded_once() {
        let repositories: BTreeSet<Repository> = ["a/b", "a/c"].map(|name| name.parse().unwrap()).into();
        for query in ["last=a/b", "last=a%2Fb", "last=%61%2fb"] {
            let query = Query::parse(query).unwrap();
            assert_eq!(query.page(&repositories).unwrap().0, [&"a/c".parse().unwrap()]);
        }
        for query in ["artifactType=a/b+json", "artifactType=a%2Fb%2Bjson"] {
            assert_eq!(Query::parse(query).unwrap().artifact_type.as_deref(), Some("a/b+json"));
        }
    }

    #[test]
    fn pages_joined_are_the_list() {
        let tags: BTreeSet<Tag> = (0..50).map(|nth| format!("v{nth}").parse().unwrap()).collect();
        for n in 1..=51 {
            let (mut joined, mut query) = (Vec::new(), Query { n: Some(n), ..Query::default() });
            loop {
                let (page, more) = query.page(&tags).unwrap();
                assert_eq!(more, page.len() == n && joined.len() + n < tags.len());
                query.last = page.last().map(|tag| tag.as_str().to_owned());
                joined.extend(page);
                if !more {
                    break;
                }
            }
            assert!(joined.into_iter().eq(&tags), "{n} at a time");
        }
    }
}
