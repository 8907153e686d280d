//! Watches the bases between which there is a choice: each is asked for a small object, again and again.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode, Uri};
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::dial::{Connection, DialError, connector, request};
use crate::health::{Health, Streak, Up};
use crate::settings::{Settings, Watch};

/// Watches bases for as long as it lives.
#[derive(Default)]
pub(crate) struct Watchers {
    /// By URL.
    running: HashMap<Uri, Watcher>,
}

struct Watcher {
    up: Arc<Up>,
    watch: Watch,
    _task: AbortOnDropHandle<()>,
}

impl Watchers {
    /// Watches the bases of these settings and no others. What is known of a base that stays is kept, and the looks at
    /// it go on as they were: however often settings are loaded, a base that is down is found to be.
    pub(crate) fn follow(&mut self, settings: &Settings) -> Health {
        let mut before = std::mem::take(&mut self.running);
        let mut tls = None;
        let mut health: Vec<Option<Arc<Up>>> = vec![None; settings.routes.bases().len()];
        for id in settings.routes.to_watch() {
            let Some(base) = settings.routes.base(id) else { continue };
            let url = match format!("{base}{}", settings.watch.object).parse::<Uri>() {
                Ok(url) => url,
                Err(error) => {
                    warn!(%base, %error, "this base cannot be watched");
                    continue;
                }
            };
            let watcher = match before.remove(&url) {
                Some(known) if known.watch == settings.watch => known,
                known => {
                    let up = known.map_or_else(|| Arc::new(Up::new(true)), |known| known.up);
                    // Only who has a choice pays for reading the roots of trust.
                    let tls = tls.get_or_insert_with(|| connector(&settings.watch.authorities)).clone();
                    Watcher::start(tls, url.clone(), up, &settings.watch)
                }
            };
            if let Some(up) = health.get_mut(id.index()) {
                *up = Some(Arc::clone(&watcher.up));
            }
            self.running.insert(url, watcher);
        }
        Health::of(health)
    }
}

impl Watcher {
    fn start(tls: TlsConnector, url: Uri, up: Arc<Up>, watch: &Watch) -> Self {
        let task = tokio::spawn(look_on(tls, url, Arc::clone(&up), watch.clone()));
        Self { up, watch: watch.clone(), _task: AbortOnDropHandle::new(task) }
    }
}

async fn look_on(tls: TlsConnector, url: Uri, up: Arc<Up>, watch: Watch) {
    let mut streak = Streak::default();
    // A look that took long is followed by a pause all the same.
    let mut ticks = time::interval(watch.interval);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let look = match time::timeout(watch.timeout, look(&tls, &url)).await {
            Ok(look) => look,
            Err(_) => Err(Dead::Slow(watch.timeout)),
        };
        debug!(%url, alive = look.is_ok(), "looked at a base");
        let (was, is) = (up.is_up(), streak.seen(look.is_ok(), up.is_up(), &watch));
        up.set(is);
        match look {
            Ok(()) if is && !was => info!(%url, "base is up again"),
            Err(reason) if was && !is => {
                let reason: &(dyn Error + 'static) = &reason;
                warn!(%url, reason, "base is down");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Why a base does not count as alive.
#[derive(Debug, thiserror::Error)]
enum Dead {
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Slow(Duration),
    #[error("it answers {0}")]
    Failing(StatusCode),
    #[error(transparent)]
    Unreachable(#[from] DialError),
}

/// Alive is what answers: an object that is not there, or that we may not read, says that the base works.
///
/// By a connection of its own, since one that was made before says nothing about whether another can be made; so all
/// that reqwest and hyper-util's client know, pools, redirects and proxies, would have to be turned off.
async fn look(tls: &TlsConnector, url: &Uri) -> Result<(), Dead> {
    // Ends with this look, whatever comes of it.
    let mut connection = Connection::to(url, tls).await?;
    let answer = connection.send(request(Method::HEAD, url)).await.map_err(DialError::Unclear)?;
    if answer.status().is_server_error() { Err(Dead::Failing(answer.status())) } else { Ok(()) }
}
