//! Keeps the settings in force up to date: loads their file when it changes or when told to, and watches their bases.

use std::error::Error;
use std::time::Duration;
use std::{fs, io};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task;
use tokio::time;
use tracing::{error, info, warn};

use crate::live::Live;
use crate::settings::{self, Arguments, Settings};
use crate::watch::Watchers;

/// How often the file is looked at. By its content, since a mounted ConfigMap changes by moving a link, and a clock may
/// be too coarse for two changes in a row.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps settings up to date while it runs.
pub struct Keeper {
    arguments: Arguments,
    live: Live,
    told: Signal,
    watchers: Watchers,
    /// What was last loaded, or refused.
    considered: Content,
}

/// What the settings file holds, and the files of TLS; `None` where there is none, or it cannot be read.
type Content = (Option<String>, Option<u64>);

impl Keeper {
    /// Keeps `live`, which was loaded by these arguments. From here on SIGHUP loads the settings instead of ending the
    /// process.
    pub fn new(arguments: Arguments, live: Live) -> io::Result<Self> {
        let told = signal(SignalKind::hangup())?;
        let considered = content(&live.view().settings);
        Ok(Self { arguments, live, told, watchers: Watchers::default(), considered })
    }

    /// Does so for ever.
    pub async fn run(mut self) {
        let settings = self.live.view().settings.clone();
        self.put(settings);
        let mut looks = time::interval(LOOK);
        let mut seen = self.considered.clone();
        loop {
            tokio::select! {
                _ = self.told.recv() => self.load().await,
                _ = looks.tick() => {
                    let now = self.look().await;
                    // Only what stands still between two looks: half a file may be good settings, but not those meant.
                    if now == seen && now != self.considered {
                        self.load().await;
                    }
                    seen = now;
                }
            }
        }
    }

    /// What they hold at this moment.
    async fn look(&self) -> Content {
        let path = self.arguments.settings.clone();
        let tls = self.live.view().settings.tls.as_ref().map(|tls| tls.files.clone());
        if path.is_none() && tls.is_none() {
            return self.considered.clone();
        }
        let without = self.considered.0.clone();
        let look = move || {
            let text = match path {
                Some(path) => fs::read_to_string(path).ok(),
                None => without,
            };
            (text, tls.map(|files| files.look()))
        };
        // A disk may hang, which must not stop a thread that answers.
        task::spawn_blocking(look).await.unwrap_or_default()
    }

    /// Whole or not at all.
    async fn load(&mut self) {
        // Whatever comes of it, once; and from before, so that a change in between is not missed.
        self.considered = self.look().await;
        let arguments = self.arguments.clone();
        match task::spawn_blocking(|| settings::load(arguments)).await {
            Ok(Ok(settings)) => {
                self.considered = content(&settings);
                self.put(settings);
                self.live.sight().loaded(true);
                info!("settings loaded");
            }
            Ok(Err(refused)) => {
                let refused: &(dyn Error + 'static) = &refused;
                self.live.sight().loaded(false);
                error!(error = refused, "settings not loaded, those before stay in force");
            }
            Err(error) => {
                self.live.sight().loaded(false);
                error!(%error, "settings not loaded, those before stay in force");
            }
        }
    }

    fn put(&mut self, mut settings: Settings) {
        let before = self.live.view();
        for setting in fixed(&before.settings, &settings) {
            warn!(setting, "this setting has changed, which only counts from the next start on");
        }
        settings.listen = before.settings.listen;
        settings.log = before.settings.log;
        for note in settings.tls.iter().filter_map(|tls| tls.note()) {
            warn!("{note}");
        }
        settings.admin = before.settings.admin;
        settings.access_log = before.settings.access_log;
        let health = self.watchers.follow(&settings);
        self.live.replace(settings, health);
    }
}

fn content(settings: &Settings) -> Content {
    (Some(settings.text.clone()), settings.tls.as_ref().map(|tls| tls.seen))
}

/// What differs and cannot be changed while we run.
fn fixed(before: &Settings, now: &Settings) -> Vec<&'static str> {
    let differs = [
        ("listen", before.listen != now.listen),
        ("log", before.log != now.log),
        ("admin", before.admin != now.admin),
        ("access-log", before.access_log != now.access_log),
    ];
    differs.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}
