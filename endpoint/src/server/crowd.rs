//! The connections of one accept loop: who watches over them, and how many there may be.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{self, Instant};
use tracing::error;

use crate::connection::{Clients, Fresh, Pulse, Server, Told};
use crate::settings::Limits;
use crate::sight::Witness;

/// The connections of one accept loop.
pub(super) struct Crowd {
    tasks: JoinSet<()>,
    guests: Vec<Guest>,
    /// Those of the last that came: mostly those of all.
    limits: Arc<Limits>,
}

/// One connection, as far as its limits of time go.
struct Guest {
    pulse: Arc<Pulse>,
    /// Those of its beginning, to its end.
    limits: Arc<Limits>,
    born: Instant,
    /// When it was last seen to have moved.
    last: Instant,
}

/// How many connections all accept loops have together.
#[derive(Debug, Default)]
pub(crate) struct Room {
    taken: AtomicUsize,
    left: Notify,
    /// Whose they are.
    pub(super) clients: Arc<Clients>,
}

impl Room {
    /// Whether there are so many already.
    pub(super) fn has(&self, connections: usize) -> bool {
        self.taken.load(Ordering::SeqCst) >= connections
    }

    /// Resolves when a connection ends, from now on.
    pub(super) fn left(&self) -> Notified<'_> {
        self.left.notified()
    }
}

/// One connection's place in the room.
pub(super) struct Seat(Arc<Room>);

impl Seat {
    /// Where there are fewer than this many.
    pub(super) fn take(room: &Arc<Room>, connections: usize) -> Option<Self> {
        let more = |taken| (taken < connections).then_some(taken + 1);
        let taken = room.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        taken.is_ok().then(|| Self(Arc::clone(room)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
        self.0.left.notify_waiters();
    }
}

impl Crowd {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { tasks: JoinSet::new(), guests: Vec::new(), limits: Arc::new(limits.clone()) }
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Serves a connection.
    pub(super) fn admit(
        &mut self,
        server: &Arc<Server>,
        (stream, peer): (Fresh, SocketAddr),
        seat: Seat,
        limits: &Limits,
    ) {
        let open = server.witness().open();
        let pulse = Pulse::default();
        // As a task's would, a panic ends its connection and no other.
        let begun = catch_unwind(AssertUnwindSafe(|| server.begin(stream, peer.ip(), &pulse)));
        let begun = match begun {
            Ok(Some(begun)) => begun,
            Ok(None) => return,
            Err(_) => return error!("a connection failed"),
        };
        if *self.limits != *limits {
            self.limits = Arc::new(limits.clone());
        }
        let pulse = Arc::new(pulse);
        let now = Instant::now();
        let guest =
            Guest { pulse: Arc::clone(&pulse), limits: Arc::clone(&self.limits), born: now, last: now };
        self.guests.push(guest);
        let server = Arc::clone(server);
        self.tasks.spawn(async move {
            server.serve(begun, peer.ip(), pulse).await;
            drop((seat, open));
        });
    }

    /// Resolves when one of them has ended, and never while there is none.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(ended) => note(ended),
            None => std::future::pending().await,
        }
    }

    /// How long it may take until somebody's time is found to be over.
    pub(super) fn tick(&self) -> Duration {
        let Limits { header, idle, total, .. } = *self.limits;
        (header.min(idle).min(total) / 8).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// Ends those whose time is over, and forgets those that have ended.
    pub(super) fn look(&mut self, now: Instant, witness: &Witness) {
        self.guests.retain_mut(|guest| {
            // The connection's own is gone.
            if Arc::strong_count(&guest.pulse) == 1 {
                return false;
            }
            if let Some(told) = guest.look(now)
                && guest.pulse.tell(told)
                && told == Told::Cut
            {
                witness.cut(guest.pulse.was_asked());
            }
            true
        });
        // After a rush.
        if self.guests.capacity() > 4 * self.guests.len().max(64) {
            self.guests.shrink_to(2 * self.guests.len());
        }
    }

    /// Lets answers finish until the deadline, and cuts those off that have not.
    pub(super) async fn drain(mut self, deadline: Duration, witness: &Witness) {
        for guest in &self.guests {
            guest.pulse.tell(Told::Finish);
        }
        let end = Instant::now() + deadline;
        let mut ticks = time::interval(self.tick());
        while !self.tasks.is_empty() {
            tokio::select! {
                () = self.ended() => {}
                now = ticks.tick() => self.look(now, witness),
                () = time::sleep_until(end) => {
                    tracing::warn!(
                        connections = self.len(),
                        "answers are still under way at the drain deadline, cutting them off"
                    );
                    break;
                }
            }
        }
        self.tasks.shutdown().await;
    }
}

impl Guest {
    /// How it is to end, if its time is over. What moved since the last look moved now, so it may stay longer than its
    /// limits say by the time between two looks, and never shorter.
    fn look(&mut self, now: Instant) -> Option<Told> {
        if self.pulse.take_moved() {
            self.last = now;
        }
        let quiet_until = if self.pulse.was_asked() {
            self.last + self.limits.idle
        } else {
            self.born + self.limits.header
        };
        if quiet_until <= now {
            Some(Told::Cut)
        } else if self.born + self.limits.total <= now {
            Some(Told::Finish)
        } else {
            None
        }
    }
}

/// A panic ends its connection and no other.
fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection's task failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest() -> (Guest, Instant) {
        let [header, idle, total] = [10, 60, 600].map(Duration::from_secs);
        let limits = Arc::new(Limits { connections: 1, per_client: None, header, idle, total, drain: total });
        let born = Instant::now();
        (Guest { pulse: Arc::default(), limits, born, last: born }, born)
    }

    /// Looks at it every second from this one on, until it is to end.
    fn ends(guest: &mut Guest, born: Instant, from: u64) -> (u64, Told) {
        (from..)
            .find_map(|second| Some((second, guest.look(born + Duration::from_secs(second))?)))
            .expect("every connection ends")
    }

    #[test]
    fn the_first_request_has_its_own_time() {
        let (mut guest, born) = guest();
        assert_eq!(ends(&mut guest, born, 3), (10, Told::Cut));
        // What is written before there is a request buys no time.
        guest.pulse.moved();
        assert_eq!(ends(&mut guest, born, 3), (10, Told::Cut));
    }

    #[test]
    fn a_request_and_what_is_written_begin_the_idle_time_anew() {
        let (mut guest, born) = guest();
        guest.pulse.asked();
        assert_eq!(guest.look(born + Duration::from_secs(5)), None);
        assert_eq!(guest.look(born + Duration::from_secs(55)), None);
        guest.pulse.moved();
        assert_eq!(ends(&mut guest, born, 56), (116, Told::Cut));
    }

    #[test]
    fn who_always_moves_ends_with_its_total_time() {
        let (mut guest, born) = guest();
        for second in 1..600 {
            guest.pulse.asked();
            assert_eq!(guest.look(born + Duration::from_secs(second)), None, "{second}");
        }
        guest.pulse.asked();
        assert_eq!(guest.look(born + Duration::from_secs(600)), Some(Told::Finish));
    }

    #[test]
    fn no_look_ends_it_too_early() {
        let (mut guest, born) = guest();
        guest.pulse.asked();
        assert_eq!(guest.look(born + Duration::from_millis(900)), None);
        assert_eq!(guest.look(born + Duration::from_millis(60_800)), None);
        assert_eq!(guest.look(born + Duration::from_millis(60_900)), Some(Told::Cut));
    }
}
