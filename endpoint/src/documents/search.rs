//! What `docker search` and `podman search` are told (`/v1/search`): repositories of the catalog, by their names and by
//! what they say of themselves. Pure.

use contract::listing::{Catalog, Search};
use serde::Serialize;

use super::page::Query;

/// As Docker's daemon reads it (`registry.SearchResults`); the pages are Docker Hub's.
#[derive(Serialize)]
struct Results<'l> {
    query: &'l str,
    num_results: usize,
    num_pages: usize,
    page: usize,
    page_size: usize,
    results: Vec<Entry<'l>>,
}

/// One repository. Of the rest nothing is known; clients want it to be there.
#[derive(Clone, Copy, Serialize)]
struct Entry<'l> {
    name: &'l str,
    description: &'l str,
    star_count: u32,
    is_official: bool,
    is_automated: bool,
}

/// How well a repository fits, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It is called so.
    Name,
    /// Its name begins so.
    Beginning,
    /// Its name holds every word.
    Words,
    /// Its name and its description hold them together.
    Description,
}

/// How many Docker asks for by itself.
const USUAL: usize = 25;

/// How many Docker lets people ask for.
const MOST: usize = 100;

/// The page of the catalog's repositories that have every word of `q`, those that fit best first, in order of their names.
pub(super) fn search(catalog: &Catalog, said: &Search, query: &Query) -> Vec<u8> {
    let asked = query.q.as_deref().unwrap_or_default();
    let words = asked.to_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut found: Vec<(Rank, Entry<'_>)> = Vec::new();
    for name in &catalog.repositories {
        let description = said.descriptions.get(name).map_or("", |said| said.as_str());
        let entry = Entry {
            name: name.as_str(),
            description,
            star_count: 0,
            is_official: false,
            is_automated: false,
        };
        found.extend(rank(&words, entry.name, description).map(|rank| (rank, entry)));
    }
    // Stable: by name within a rank, as the catalog is.
    found.sort_by_key(|(rank, _)| *rank);
    let page_size = query.n.unwrap_or(USUAL).clamp(1, MOST);
    let page = query.page.unwrap_or(1).max(1);
    let results = found.chunks(page_size).nth(page - 1).unwrap_or_default();
    let results = Results {
        query: asked,
        num_results: found.len(),
        num_pages: found.len().div_ceil(page_size),
        page,
        page_size,
        results: results.iter().map(|(_, entry)| *entry).collect(),
    };
    // There is nothing here that serde_json refuses.
    serde_json::to_vec(&results).unwrap_or_default()
}

/// `None` where it does not fit. `words` are in lower case, as all names are.
fn rank(words: &[&str], name: &str, description: &str) -> Option<Rank> {
    if let [word] = words {
        if name == *word {
            return Some(Rank::Name);
        } else if name.starts_with(word) {
            return Some(Rank::Beginning);
        }
    }
    let others: Vec<&&str> = words.iter().filter(|word| !name.contains(**word)).collect();
    if others.is_empty() {
        return Some(Rank::Words);
    }
    if description.is_empty() {
        return None;
    }
    let description = description.to_lowercase();
    others.iter().all(|word| description.contains(**word)).then_some(Rank::Description)
}

#[cfg(test)]
mod tests {
    use contract::description::Description;
    use serde_json::Value;

    use super::*;

    fn told(catalog: &Catalog, said: &Search, query: &str) -> Value {
        serde_json::from_slice(&search(catalog, said, &Query::parse(query).unwrap())).unwrap()
    }

    fn catalog(names: &[&str]) -> Catalog {
        Catalog { repositories: names.iter().map(|name| name.parse().unwrap()).collect() }
    }

    #[test]
    fn names_that_hold_every_word_are_found_page_by_page() {
        let mut catalog = catalog(&["acme/app", "acme/web", "app"]);
        catalog.repositories.extend((0..130).map(|nth| format!("many/r{nth:03}").parse().unwrap()));
        for (query, found, first, pages, on_page) in [
            ("q=app", 2, "app", 1, 2),
            ("q=App", 2, "app", 1, 2),
            ("q=acme%2Fweb&n=25", 1, "acme/web", 1, 1),
            ("q=web+acme", 1, "acme/web", 1, 1),
            ("q=acme%20web", 1, "acme/web", 1, 1),
            ("q=nothing", 0, "", 0, 0),
            ("q=many", 130, "many/r000", 6, 25),
            ("q=many&page=2", 130, "many/r025", 6, 25),
            ("q=many&n=100&page=2", 130, "many/r100", 2, 30),
            ("q=many&n=1000", 130, "many/r000", 2, 100),
            ("q=many&n=0&page=0", 130, "many/r000", 130, 1),
            ("q=many&page=18446744073709551615", 130, "", 6, 0),
            ("", 133, "acme/app", 6, 25),
        ] {
            let told = told(&catalog, &Search::default(), query);
            assert_eq!((&told["num_results"], &told["num_pages"]), (&found.into(), &pages.into()), "{query}");
            assert_eq!(told["results"].as_array().map(Vec::len), Some(on_page), "{query}");
            assert_eq!(told["results"][0]["name"].as_str().unwrap_or_default(), first, "{query}");
        }
    }

    #[test]
    fn what_fits_best_comes_first() {
        let catalog = catalog(&["acme/app", "acme/nginx", "nginx", "nginx-exporter", "proxy", "zoo/nginx"]);
        let mut said = Search::default();
        for (name, text) in [
            ("acme/app", "Needs NGINX before it"),
            ("proxy", "A small Größe"),
            ("nginx", "A web server"),
            ("gone", "nginx"),
        ] {
            said.descriptions.insert(name.parse().unwrap(), Description::new(text).unwrap());
        }
        for (query, names) in [
            ("q=nginx", &["nginx", "nginx-exporter", "acme/nginx", "zoo/nginx", "acme/app"][..]),
            ("q=GRÖSSE", &[]),
            ("q=gr%C3%B6%C3%9Fe", &["proxy"]),
            ("q=acme+before", &["acme/app"]),
            ("q=nginx+server", &["nginx"]),
            ("q=server+exporter", &[]),
        ] {
            let told = told(&catalog, &said, query);
            let found: Vec<&str> =
                told["results"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
            assert_eq!(found, names, "{query}");
        }
        let one = told(&catalog, &said, "q=nginx");
        assert_eq!(one["results"][0]["description"], "A web server");
        assert_eq!(one["results"][1]["description"], "");
    }
}
