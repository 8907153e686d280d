//! What a webhook is told: [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md)
//! in structured mode, or the envelope of `distribution`'s
//! [notifications](https://distribution.github.io/distribution/about/notifications/), signed as
//! [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) has it. Pure.

use aws_smithy_types::base64;
use contract::key::Key;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;

use super::{AGENT, Action, Changes, Event, Request, Secret, Stamp};

/// In which words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A request for each event.
    #[default]
    CloudEvents,
    /// One request with all of them.
    Distribution,
}

/// Someone who wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it listens.
    pub url: Url,
    /// How it is told.
    pub format: Format,
    /// With what its requests are signed, if they are.
    pub secret: Option<Secret>,
    /// Where clients pull, for links.
    pub registry: Option<Url>,
    /// The command fails where this cannot be told.
    pub required: bool,
}

impl Webhook {
    /// What is sent of these changes of a store.
    pub fn requests(&self, changes: &Changes, store: &str, stamp: &Stamp) -> Vec<Request> {
        let ids = (1..).map(|nth| format!("{}-{nth}", stamp.id));
        match self.format {
            Format::CloudEvents => changes
                .events
                .iter()
                .zip(ids)
                .map(|(event, id)| {
                    let body = self.cloud_event(event, &id, store, stamp);
                    self.post("application/cloudevents+json", &id, &body, stamp)
                })
                .collect(),
            Format::Distribution if changes.events.is_empty() => Vec::new(),
            Format::Distribution => {
                let events: Vec<Value> = changes
                    .events
                    .iter()
                    .zip(ids)
                    .map(|(event, id)| self.notification(event, &id, store, stamp))
                    .collect();
                let kind = "application/vnd.docker.distribution.events.v1+json";
                vec![self.post(kind, &stamp.id, &json!({ "events": events }), stamp)]
            }
        }
    }

    fn cloud_event(&self, event: &Event, id: &str, store: &str, stamp: &Stamp) -> Value {
        let mut data = json!({ "action": event.action.as_str(), "repository": event.repository });
        let told = event.manifest.as_ref();
        let more = [
            ("tag", event.tag.as_ref().map(|tag| json!(tag))),
            ("digest", told.map(|told| json!(told.digest))),
            ("size", told.and_then(|told| Some(json!(told.size?)))),
            ("mediaType", told.and_then(|told| Some(json!(told.media_type.as_ref()?)))),
            ("url", self.link(event).map(|url| json!(url))),
            ("paths", Some(json!(event.paths))),
            ("actor", Some(json!(AGENT))),
        ];
        add(&mut data, more);
        json!({
            "specversion": "1.0",
            "id": id,
            "source": store,
            "type": format!("static-registry.{}", event.action.as_str()),
            "subject": subject(event),
            "time": stamp.text(),
            "datacontenttype": "application/json",
            "data": data,
        })
    }

    fn notification(&self, event: &Event, id: &str, store: &str, stamp: &Stamp) -> Value {
        let told = event.manifest.as_ref();
        let mut target = json!({});
        let fields = [
            ("mediaType", told.and_then(|told| Some(json!(told.media_type.as_ref()?)))),
            ("size", told.and_then(|told| Some(json!(told.size?)))),
            ("digest", told.map(|told| json!(told.digest))),
            ("length", told.and_then(|told| Some(json!(told.size?)))),
            ("repository", Some(json!(event.repository))),
            ("url", self.link(event).map(|url| json!(url))),
            ("tag", event.tag.as_ref().map(|tag| json!(tag))),
        ];
        add(&mut target, fields);
        let action = match event.action {
            Action::Published | Action::Tagged | Action::RolledBack => "push",
            Action::Removed => "delete",
        };
        let host = self.registry.as_ref().and_then(Url::host_str).unwrap_or_default();
        json!({
            "id": id,
            "timestamp": stamp.text(),
            "action": action,
            "target": target,
            "request": { "id": stamp.id, "host": host, "method": "PUT", "useragent": AGENT },
            "actor": { "name": AGENT },
            "source": { "addr": store, "instanceID": stamp.id },
        })
    }

    /// Where clients get the manifest: it is named by its digest, which nobody moves.
    fn link(&self, event: &Event) -> Option<String> {
        let (registry, told) = (self.registry.as_ref()?, event.manifest.as_ref()?);
        let key = Key::DigestView(event.repository.clone(), told.digest);
        let path = contract::api::path(&event.repository, &key)?;
        Some(registry.join(&path).ok()?.into())
    }

    fn post(&self, kind: &str, id: &str, body: &Value, stamp: &Stamp) -> Request {
        let body = body.to_string().into_bytes();
        let mut headers = vec![
            ("content-type", kind.to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", stamp.seconds().to_string()),
        ];
        let signature = self.secret.as_ref().map(|secret| sign(secret, id, stamp.seconds(), &body));
        headers.extend(signature.map(|signature| ("webhook-signature", signature)));
        Request { method: "POST", url: self.url.clone(), headers, body }
    }
}

fn subject(event: &Event) -> String {
    match (&event.tag, &event.manifest) {
        (Some(tag), _) => format!("{}:{tag}", event.repository),
        (None, Some(told)) => format!("{}@{}", event.repository, told.digest),
        (None, None) => event.repository.to_string(),
    }
}

fn add<const N: usize>(document: &mut Value, fields: [(&str, Option<Value>); N]) {
    for (name, value) in fields {
        if let Some(value) = value {
            document[name] = value;
        }
    }
}

/// "the message id, the timestamp and the body, joined by full stops".
pub(super) fn sign(secret: &Secret, id: &str, seconds: u64, body: &[u8]) -> String {
    let key = key(secret).unwrap_or_default();
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    format!("v1,{}", base64::encode(mac.finalize().into_bytes()))
}

/// What a secret signs with; `None` where it is to be base64 and is not.
pub(super) fn key(secret: &Secret) -> Option<Vec<u8>> {
    match secret.0.strip_prefix("whsec_") {
        Some(text) => base64::decode(text).ok(),
        None => Some(secret.0.clone().into_bytes()),
    }
}
