//! What every command has at hand: settings, the report, and an ear for signals.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use contract::settings::StoreSettings;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::announce::{Announcing, Changes, Stamp};
use crate::cli::FromRegistry;
use crate::failure::{CommandError, Waiting};
use crate::report::Report;
use crate::settings::{Rules, Settings};
use crate::source::registry::Access;
use crate::store::{self, Ground, Location, Objects, Options, Patience, Store};

/// For the whole of a command.
pub(super) struct Context<'a> {
    pub(super) settings: Settings,
    pub(super) report: &'a Report,
    /// Becomes true when somebody wants the work to end. It stays true, so that none is missed between two waits.
    interrupted: watch::Receiver<bool>,
    /// When there is no more time for work.
    deadline: Option<Instant>,
}

/// How long ending what was begun may take when the time for work is over.
const CLOSING: Duration = Duration::from_secs(10);

/// A store that answers, and what holds for the work on it.
pub(super) struct Opened {
    pub(super) store: Arc<dyn Store>,
    pub(super) rules: Rules,
}

impl<'a> Context<'a> {
    /// Listens from here on.
    pub(super) fn new(settings: Settings, report: &'a Report) -> Self {
        let (tell, interrupted) = watch::channel(false);
        if let (Ok(interrupt), Ok(terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        {
            tokio::spawn(listen(interrupt, terminate, tell));
        }
        let deadline = settings.deadline.and_then(|deadline| Instant::now().checked_add(deadline));
        Self { settings, report, interrupted, deadline }
    }

    /// Does something unless, or until, a signal comes or the deadline passes.
    pub(super) async fn unless_interrupted<T, E: Into<CommandError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CommandError> {
        let mut interrupted = self.interrupted.clone();
        let came = async {
            if interrupted.wait_for(|came| *came).await.is_err() {
                // Nobody listens: then signals end the process by themselves, which the order of writing allows for.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            done = work => done.map_err(Into::into),
            () = came => Err(CommandError::Interrupted),
            () = self.too_late() => Err(self.not_in_time(None)),
        }
    }

    fn not_in_time(&self, why: Option<String>) -> CommandError {
        let time = self.settings.deadline.unwrap_or_default();
        CommandError::TooLate { time, source: why.map(Waiting) }
    }

    async fn too_late(&self) {
        match self.deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// Opens a store and sees that it answers, so that a wrong name is told before long work is done.
    pub(super) async fn open(&self, location: &Location, create: bool) -> Result<Opened, CommandError> {
        let objects = |said: &_| self.settings.with_store(said).objects;
        let options = self.options(&objects, create);
        let (store, said) = self.unless_interrupted(store::open(location, &options)).await?;
        Ok(Opened { store, rules: self.settings.with_store(&said) })
    }

    /// The store at a location that need not be there.
    pub(super) async fn ground(&self, location: &Location) -> Result<Arc<dyn Ground>, CommandError> {
        let objects = |said: &_| self.settings.with_store(said).objects;
        self.unless_interrupted(store::ground(location, &self.options(&objects, true))).await
    }

    /// How registries are asked as sources.
    pub(super) fn access<'b>(&self, flags: &'b FromRegistry) -> Access<'b> {
        Access {
            patience: self.patience(),
            insecure: &flags.insecure_source,
            cert_dir: flags.cert_dir.as_deref(),
        }
    }

    fn patience(&self) -> Patience {
        Patience { request: self.settings.request_timeout, ..Patience::default() }
    }

    fn options<'b>(
        &self,
        objects: &'b (dyn Fn(&StoreSettings) -> Objects + Sync),
        create: bool,
    ) -> Options<'b> {
        Options { objects, patience: self.patience(), create }
    }

    /// Whom changes are told, found out before anything changes: a secret that is not there is told early. A dry run
    /// has nothing to tell.
    pub(super) fn announcing(&self, dry_run: bool) -> Result<Announcing, CommandError> {
        if dry_run {
            return Ok(Announcing::default());
        }
        let get = |name: &str| std::env::var(name).ok();
        Ok(Announcing::of(&self.settings.webhooks, &self.settings.purges, &get)?)
    }

    /// Tells them, when all is written.
    pub(super) async fn announce(
        &self,
        announcing: &Announcing,
        store: &dyn Store,
        changes: &Changes,
    ) -> Result<(), CommandError> {
        let stamp = Stamp::now();
        let tell = async { Ok::<_, CommandError>(announcing.tell(changes, &store.name(), &stamp).await) };
        let failures = self.unless_interrupted(tell).await?;
        self.report.not_told(&failures);
        match failures.iter().filter(|failure| failure.required).count() {
            0 => Ok(()),
            untold => Err(CommandError::NotTold(untold)),
        }
    }

    /// The end of work that changes the store bit by bit: also who ended early has changed what others are to be told of.
    pub(super) async fn conclude<T>(
        &self,
        announcing: &Announcing,
        store: &dyn Store,
        changes: &Changes,
        done: Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        match done {
            Ok(done) => self.announce(announcing, store, changes).await.map(|()| done),
            Err(error) => {
                // Neither a signal nor the deadline ends this: it ends itself soon.
                let failures = announcing.tell_within(CLOSING, changes, &store.name(), &Stamp::now()).await;
                self.report.not_told(&failures);
                Err(error)
            }
        }
    }

    /// Does work on a store; on every way out, the store ends what it began.
    pub(super) async fn guarded<T>(
        &self,
        store: &dyn Store,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        self.ending(store, self.unless_interrupted(work).await).await
    }

    /// A signal, or the end of the time there is: for work that ends by itself then.
    pub(super) async fn stopped(&self) -> CommandError {
        match self.unless_interrupted(pending::<Result<Infallible, CommandError>>()).await {
            Err(why) => why,
            Ok(never) => match never {},
        }
    }

    /// After work that heeds [`Context::stopped`]: the store ends what it began.
    pub(super) async fn ending<T>(
        &self,
        store: &dyn Store,
        done: Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let done = done.map_err(|error| match error {
            CommandError::TooLate { .. } => self.not_in_time(store.traffic().why),
            error => error,
        });
        let closed = match &done {
            Err(CommandError::TooLate { .. }) => timeout(CLOSING, store.close()).await.unwrap_or(Ok(())),
            _ => store.close().await,
        };
        let done = done?;
        closed?;
        Ok(done)
    }
}

/// The first signal is told; who sends a second one does not want to wait for what the first one began.
async fn listen(mut interrupt: Signal, mut terminate: Signal, tell: watch::Sender<bool>) {
    for nth in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        match nth {
            0 => _ = tell.send(true),
            _ => std::process::exit(1),
        }
    }
}
