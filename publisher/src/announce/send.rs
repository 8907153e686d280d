//! Sends what is to be told: CDNs first, since who is told by a webhook may pull at once.

use std::error::Error;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt};
use reqwest::Method;
use reqwest::header::RETRY_AFTER;
use url::Url;

use super::purge::{By, Purge, signed};
use super::webhook::Webhook;
use super::{AnnounceError, Changes, PurgeFile, Request, Stamp, WebhookFile};
use crate::anonymous::Anonymous;
use crate::store::s3::credentials;

/// For one try.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is sent.
const TRIES: u32 = 4;
/// The longest pause between two tries: who wants a longer one is not told.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Requests to one CDN at the same time.
const AT_ONCE: usize = 8;

/// Whom to tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announcing {
    /// After the CDNs.
    pub webhooks: Vec<Webhook>,
    /// First.
    pub purges: Vec<Purge>,
}

/// Somebody could not be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} was not told: {why}")]
pub struct Failure {
    /// Without secrets.
    pub who: String,
    /// The last answer, or why there was none.
    pub why: String,
    /// Whether the command fails by it.
    pub required: bool,
}

impl Announcing {
    /// With their secrets, of which each has to be there.
    pub fn of(
        webhooks: &[WebhookFile],
        purges: &[PurgeFile],
        get: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, AnnounceError> {
        Ok(Self {
            webhooks: webhooks.iter().map(|file| file.resolve(get)).collect::<Result<_, _>>()?,
            purges: purges.iter().map(|file| file.resolve(get)).collect::<Result<_, _>>()?,
        })
    }

    /// Tells all of them. Returns those that could not be told.
    pub async fn tell(&self, changes: &Changes, store: &str, stamp: &Stamp) -> Vec<Failure> {
        if changes.is_empty() || (self.webhooks.is_empty() && self.purges.is_empty()) {
            return Vec::new();
        }
        let http = match Anonymous::new() {
            Ok(http) => http,
            Err(error) => {
                let required =
                    self.webhooks.iter().any(|it| it.required) || self.purges.iter().any(|it| it.required);
                return vec![Failure { who: "nobody".to_owned(), why: error.to_string(), required }];
            }
        };
        let mut failures = Vec::new();
        for purge in &self.purges {
            let (who, requests) = (place(&purge.base), purge.requests(&changes.keys, stamp));
            let done = purged(&http, &purge.by, requests).await;
            failures.extend(failed(format!("the CDN {who}"), done, purge.required));
        }
        for webhook in &self.webhooks {
            let requests = webhook.requests(changes, store, stamp);
            let done = in_order(&http, &requests).await;
            failures.extend(failed(
                format!("the webhook at {}", place(&webhook.url)),
                done,
                webhook.required,
            ));
        }
        failures
    }

    /// The same, as far as the time reaches.
    pub async fn tell_within(
        &self,
        time: Duration,
        changes: &Changes,
        store: &str,
        stamp: &Stamp,
    ) -> Vec<Failure> {
        let late = |_| {
            let why = format!("there was no time but {}", humantime::format_duration(time));
            vec![Failure { who: "somebody".to_owned(), why, required: false }]
        };
        tokio::time::timeout(time, self.tell(changes, store, stamp)).await.unwrap_or_else(late)
    }
}

/// Path and query of a webhook may be secrets.
fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn failed(who: String, done: Result<(), String>, required: bool) -> Option<Failure> {
    done.err().map(|why| Failure { who, why, required })
}

async fn purged(http: &Anonymous, by: &By, requests: Vec<Request>) -> Result<(), String> {
    let requests = match by {
        By::CloudFront { .. } => {
            let none = |error| format!("there are no credentials for AWS: {error}");
            let who = credentials().await.map_err(none)?;
            let sign =
                |request| signed(request, &who, SystemTime::now()).ok_or("it cannot be signed".to_owned());
            requests.into_iter().map(sign).collect::<Result<Vec<_>, _>>()?
        }
        By::Fastly { .. } | By::Cloudflare { .. } | By::Method { .. } => requests,
    };
    let mut each = stream::iter(requests.iter().map(|request| sent(http, request))).buffer_unordered(AT_ONCE);
    let mut refused = Ok(());
    while let Some(done) = each.next().await {
        match done {
            // Each of the others would take as long in vain.
            Err(Unsent::InVain(why)) => return Err(why),
            Err(Unsent::Refused(why)) => refused = Err(why),
            Ok(()) => {}
        }
    }
    refused
}

/// Events in the order in which they happened; where one cannot be told, those after it are not told either.
async fn in_order(http: &Anonymous, requests: &[Request]) -> Result<(), String> {
    for request in requests {
        sent(http, request).await.map_err(|(Unsent::InVain(why) | Unsent::Refused(why))| why)?;
    }
    Ok(())
}

/// Why a request did not do what it was for.
enum Unsent {
    /// Nobody is there, or somebody who is out of order.
    InVain(String),
    /// By an answer to this request.
    Refused(String),
}

/// One request, and again while that may help.
async fn sent(http: &Anonymous, request: &Request) -> Result<(), Unsent> {
    let method = Method::from_bytes(request.method.as_bytes());
    let method = method.map_err(|error| Unsent::Refused(error.to_string()))?;
    let mut nth = 1;
    loop {
        let mut sending = http.request(method.clone(), request.url.clone()).timeout(TIMEOUT);
        for (name, value) in &request.headers {
            sending = sending.header(*name, value);
        }
        let (status, after, why) = match sending.body(request.body.clone()).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => {
                let status = answer.status();
                let after =
                    answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
                (Some(status.as_u16()), after, format!("the answer is {status}"))
            }
            Err(error) => (None, None, cause(&error.without_url())),
        };
        match pause(nth, status, after) {
            Some(pause) => tokio::time::sleep(pause).await,
            None if may_pass(status) => return Err(Unsent::InVain(why)),
            None => return Err(Unsent::Refused(why)),
        }
        nth += 1;
    }
}

fn cause(mut error: &dyn Error) -> String {
    while let Some(next) = error.source() {
        error = next;
    }
    error.to_string()
}

/// How long to wait after the nth try was answered so, or not at all; `None` where it is over. Pure.
pub fn pause(nth: u32, status: Option<u16>, retry_after: Option<u64>) -> Option<Duration> {
    let usual = Duration::from_millis(500) * 2_u32.saturating_pow(nth.saturating_sub(1));
    let pause = retry_after.map_or(usual, Duration::from_secs);
    (nth < TRIES && may_pass(status) && pause <= PAUSE_MAX).then_some(pause)
}

/// Whether what was answered so, or not at all, may be answered otherwise a while later.
fn may_pass(status: Option<u16>) -> bool {
    status.is_none_or(|status| matches!(status, 408 | 425 | 429 | 500..))
}
