//! The clock of a store that is asked over HTTP: each of its answers says what it shows.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime};

/// What a store said last, and when we heard it.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Option<(SystemTime, Instant)>>);

impl Clock {
    /// Takes in the [`Date`](https://www.rfc-editor.org/rfc/rfc9110#name-date) of an answer. What cannot be read is left
    /// aside: the next answer has one, too.
    pub(super) fn hear(&self, date: Option<&str>) {
        if let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
        }
    }

    /// What it shows now; `None` where nothing was heard.
    pub(super) fn now(&self) -> Option<SystemTime> {
        let (said, heard) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(said + heard.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_shows_what_was_heard_last() {
        let clock = Clock::default();
        assert_eq!(clock.now(), None);
        clock.hear(Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        for unheard in [None, Some("soon")] {
            clock.hear(unheard);
        }
        let said = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert!(clock.now().is_some_and(|now| now >= said && now < said + Duration::from_secs(3600)));
    }
}
