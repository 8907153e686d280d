//! What `docker search` and `podman search` are told (`/v1/search`): names of the catalog. Pure.

use contract::listing::Catalog;
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

/// One repository. Only the name is known of it; clients want the rest to be there.
#[derive(Serialize)]
struct Entry<'l> {
    name: &'l str,
    description: &'static str,
    star_count: u32,
    is_official: bool,
    is_automated: bool,
}

/// How many Docker asks for by itself.
const USUAL: usize = 25;

/// How many Docker lets people ask for.
const MOST: usize = 100;

/// The page of the catalog's repositories whose names hold every word of `q`.
pub(super) fn search(catalog: &Catalog, query: &Query) -> Vec<u8> {
    let asked = query.q.as_deref().unwrap_or_default();
    // Names have no capitals.
    let words = asked.to_ascii_lowercase();
    let words: Vec<&str> = words.split_whitespace().collect();
    let names = catalog.repositories.iter().map(|name| name.as_str());
    let found: Vec<&str> = names.filter(|name| words.iter().all(|word| name.contains(word))).collect();
    let page_size = query.n.unwrap_or(USUAL).clamp(1, MOST);
    let page = query.page.unwrap_or(1).max(1);
    let results = found.chunks(page_size).nth(page - 1).unwrap_or_default();
    let results = results.iter().map(|name| Entry {
        name,
        description: "",
        star_count: 0,
        is_official: false,
        is_automated: false,
    });
    let results = Results {
        query: asked,
        num_results: found.len(),
        num_pages: found.len().div_ceil(page_size),
        page,
        page_size,
        results: results.collect(),
    };
    // There is nothing here that serde_json refuses.
    serde_json::to_vec(&results).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn names_that_hold_every_word_are_found_page_by_page() {
        let mut catalog = Catalog::default();
        catalog.repositories.extend((0..130).map(|nth| format!("many/r{nth:03}").parse().unwrap()));
        catalog.repositories.extend(["acme/app", "acme/web", "app"].map(|name| name.parse().unwrap()));
        for (query, found, first, pages, on_page) in [
            ("q=app", 2, "acme/app", 1, 2),
            ("q=App", 2, "acme/app", 1, 2),
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
            let told = search(&catalog, &Query::parse(query).unwrap());
            let told: Value = serde_json::from_slice(&told).unwrap();
            assert_eq!((&told["num_results"], &told["num_pages"]), (&found.into(), &pages.into()), "{query}");
            assert_eq!(told["results"].as_array().map(Vec::len), Some(on_page), "{query}");
            assert_eq!(told["results"][0]["name"].as_str().unwrap_or_default(), first, "{query}");
        }
    }
}
