//! What is said of a repository where people search: a line of plain text, whoever wrote it.
//!
//! It is what an image says of itself, under
//! [`org.opencontainers.image.description`](https://github.com/opencontainers/image-spec/blob/main/annotations.md): in the
//! annotations of its manifest or index, where the spec has it, or in the labels of its config, where Dockerfiles put it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;

/// Where images say it.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";

/// Longest description that is kept, in characters.
pub const DESCRIPTION_MAX: usize = 255;

/// One line: no control characters, no white space but single spaces, at most [`DESCRIPTION_MAX`] characters. It is shown
/// in other people's terminals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Description(String);

/// What is read of a config. Anybody may have written it, so what has another shape says nothing.
#[derive(Deserialize)]
struct Config {
    config: Labelled,
}

#[derive(Deserialize)]
struct Labelled {
    #[serde(rename = "Labels")]
    labels: BTreeMap<String, String>,
}

impl Description {
    /// From any text; `None` where nothing of it can be shown.
    pub fn new(text: &str) -> Option<Self> {
        Some(line(text)).filter(|line| !line.is_empty()).map(Self)
    }

    /// What a manifest says, or else its config, if it has one.
    pub fn of(manifest: &Manifest, config: Option<&[u8]>) -> Option<Self> {
        let annotated = manifest.annotations.get(DESCRIPTION).and_then(|text| Self::new(text));
        annotated.or_else(|| {
            let config: Config = serde_json::from_slice(config?).ok()?;
            Self::new(config.config.labels.get(DESCRIPTION)?)
        })
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands in a bucket is a stranger's text too.
impl From<String> for Description {
    fn from(text: String) -> Self {
        Self(line(&text))
    }
}

fn line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars().filter(|&it| it.is_whitespace() || !is_hidden(it)) {
        if !character.is_whitespace() {
            line.push(character);
        } else if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
    }
    let end = line.char_indices().nth(DESCRIPTION_MAX).map_or(line.len(), |(end, _)| end);
    line.truncate(end);
    line.truncate(line.trim_end().len());
    line
}

/// What moves a cursor, or makes a reader see other text than there is
/// ([UAX #9](https://www.unicode.org/reports/tr9/), "Directional Formatting Characters").
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::digest::{Algorithm, Digest};

    #[test]
    fn any_text_becomes_one_line() {
        let long = "é".repeat(DESCRIPTION_MAX + 1);
        for (text, line) in [
            ("Says hello", "Says hello"),
            ("  two\r\n\tlines  ", "two lines"),
            ("\u{1b}[31mred\u{7}\0", "[31mred"),
            ("safe\u{202e}exe.\u{2066}\u{200b}", "safeexe."),
            ("日本語 · naïve", "日本語 · naïve"),
            (&long, &"é".repeat(DESCRIPTION_MAX)),
        ] {
            assert_eq!(Description::new(text).unwrap().as_str(), line, "{text:?}");
        }
        for nothing in ["", " \n", "\0\u{202e}"] {
            assert_eq!(Description::new(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn the_annotation_wins_over_the_label() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        let manifest = |annotations: &str| {
            let config = format!(r#""config":{{"mediaType":"c","digest":"{digest}","size":0}}"#);
            let text = format!(r#"{{"schemaVersion":2,{config},"layers":[]{annotations}}}"#);
            Manifest::parse(text.as_bytes(), None).unwrap()
        };
        let annotated = manifest(&format!(r#","annotations":{{"{DESCRIPTION}":"annotated"}}"#));
        let empty = manifest(&format!(r#","annotations":{{"{DESCRIPTION}":" "}}"#));
        let labelled = format!(r#"{{"config":{{"Labels":{{"{DESCRIPTION}":"labelled","x":"y"}}}}}}"#);
        for (manifest, config, said) in [
            (&annotated, None, Some("annotated")),
            (&annotated, Some(labelled.as_str()), Some("annotated")),
            (&empty, Some(&labelled), Some("labelled")),
            (&manifest(""), Some(&labelled), Some("labelled")),
            (&manifest(""), Some(r#"{"config":{"Labels":null}}"#), None),
            (&manifest(""), Some("no JSON"), None),
            (&manifest(""), None, None),
        ] {
            let found = Description::of(manifest, config.map(str::as_bytes));
            assert_eq!(found.as_ref().map(Description::as_str), said, "{config:?}");
        }
    }

    proptest! {
        #[test]
        fn a_line_is_read_back_as_it_is(text in "[ -~é\n\u{7f}\u{202e}]{0,300}") {
            if let Some(line) = Description::new(&text) {
                let bytes = serde_json::to_vec(&line).unwrap();
                prop_assert_eq!(serde_json::from_slice::<Description>(&bytes).unwrap(), line);
            }
        }
    }
}
