//! What `init` says: what was made, who can read it, and how it is served.

use contract::settings::StoreSettings;
use serde_json::{Value, json};

use crate::prove::Missing;
use crate::store::Grant;

/// A store that was made, or made anew.
#[derive(Debug, Clone, Copy)]
pub struct Founded<'a> {
    /// Which.
    pub store: &'a str,
    /// Whether it was not there.
    pub made: bool,
    /// What it says of itself.
    pub settings: &'a StoreSettings,
    /// Whether the store took the grant.
    pub granted: bool,
    /// Whether unfinished uploads are aborted.
    pub tidied: bool,
    /// Where everybody reads it, as was proven.
    pub base: Option<&'a str>,
    /// What is answered where no object is.
    pub missing: Option<Missing>,
}

/// What `init --dry-run` would do.
#[derive(Debug, Clone, Copy)]
pub struct Intended<'a> {
    /// Which.
    pub store: &'a str,
    /// Whether it is there.
    pub exists: bool,
    /// What it would say of itself.
    pub settings: &'a StoreSettings,
    /// What would be granted.
    pub grant: Option<&'a Grant>,
}

/// The settings as a document.
fn document(settings: &StoreSettings) -> Value {
    serde_json::from_slice(&settings.to_bytes()).unwrap_or_default()
}

fn shown(settings: &StoreSettings) -> String {
    if *settings == StoreSettings::default() {
        "all default".to_owned()
    } else {
        document(settings).to_string()
    }
}

impl Founded<'_> {
    /// For people, a line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("{} {}", if self.made { "made     " } else { "found    " }, self.store),
            format!("settings  {}", shown(self.settings)),
        ];
        if let (Some(base), Some(missing)) = (self.base, self.missing) {
            lines
                .push(format!("readable  by everybody: GET, HEAD and ranges; a missing object is {missing}"));
            lines.push(format!("serve it  registry-endpoint --cdn {base}"));
        } else {
            lines.push(format!("serve it  registry-endpoint --directory {}", self.store));
        }
        lines
    }

    /// What may trouble clients.
    pub(super) fn warning(&self) -> Option<String> {
        match self.missing {
            None | Some(Missing::NotFound) => None,
            Some(Missing::Forbidden) => Some(
                "a missing object is answered 403, since strangers may not list the bucket. Clients that look for \
                 signatures or referrers expect 404 and may stop. Grant s3:ListBucket to everybody if all that is in \
                 the bucket may be seen, let a CDN answer 404, or run registry-endpoint with --documents serve"
                    .to_owned(),
            ),
            Some(Missing::Other(status)) => {
                Some(format!("a missing object is answered {status}: clients expect 404"))
            }
        }
    }

    /// For machines.
    pub(super) fn document(&self) -> Value {
        json!({
            "store": self.store, "made": self.made, "settings": document(self.settings), "granted": self.granted,
            "abortsUnfinishedUploads": self.tidied, "cdn": self.base,
            "missing": self.missing.map(|missing| missing.to_string()),
        })
    }
}

impl Intended<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} {}\nsettings  {}\n",
            if self.exists { "found    " } else { "make     " },
            self.store,
            shown(self.settings)
        );
        if let Some(grant) = self.grant {
            text.push_str(&format!("grant     {}: {}\n", grant.what, grant.text));
        }
        text
    }

    pub(super) fn document(&self) -> Value {
        let grant = self.grant.map(|grant| json!({ "what": grant.what, "text": grant.text }));
        json!({ "store": self.store, "exists": self.exists, "settings": document(self.settings), "grant": grant })
    }
}
