//! The access log: lines wait in a bounded queue for a thread that writes them, so that no request ever waits for who
//! reads them.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::line::line;
use super::{Asker, Exchange};
use crate::settings::AccessLog;

/// Lines that wait at most. A line is at most some 8 KiB, and mostly a thirtieth of it.
const WAITING: usize = 8192;

/// As much as is written at once.
const BATCH: usize = 64 * 1024;

/// How long the end waits for the last lines to be taken.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where lines wait.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    settings: AccessLog,
    sender: SyncSender<Message>,
    /// Until somebody writes.
    receiver: Arc<Mutex<Option<Receiver<Message>>>>,
    fate: Arc<Fate>,
}

/// What became of lines.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Whoever waits is to be told that everything before is written.
    Tell(SyncSender<()>),
}

impl Queue {
    pub(super) fn new(settings: AccessLog) -> Self {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        Self { settings, sender, receiver: Arc::new(Mutex::new(Some(receiver))), fate: Arc::default() }
    }

    /// One request in so many has a line.
    pub(super) fn sample(&self) -> u64 {
        self.settings.sample.get()
    }

    pub(super) fn fate(&self) -> &Fate {
        &self.fate
    }

    /// Puts a line there, or drops it where there is no room.
    pub(super) fn put(&self, exchange: &Exchange<'_>, asker: &Asker<'_>) {
        let line = line(self.settings.format, SystemTime::now(), exchange, asker);
        if self.sender.try_send(Message::Line(line)).is_err() {
            self.fate.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the lines from here on. Only the first one does.
    pub(super) fn write(&self, output: impl Write + Send + 'static) -> io::Result<()> {
        let Some(receiver) = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let fate = Arc::clone(&self.fate);
        let writer = thread::Builder::new().name("access-log".to_owned());
        writer.spawn(move || write(&receiver, output, &fate)).map(drop)
    }

    pub(super) fn finish(&self) {
        let (done, written) = mpsc::sync_channel(1);
        let end = Instant::now() + PATIENCE;
        let mut message = Message::Tell(done);
        while let Err(TrySendError::Full(back)) = self.sender.try_send(message) {
            if Instant::now() > end {
                return;
            }
            message = back;
            thread::sleep(Duration::from_millis(5));
        }
        // Whoever does not take them has had time enough.
        let _ = written.recv_timeout(PATIENCE);
    }
}

fn write(lines: &Receiver<Message>, mut output: impl Write, fate: &Fate) {
    let mut batch = Vec::new();
    while let Ok(first) = lines.recv() {
        let (mut count, mut waiting) = (0, None);
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    batch.extend_from_slice(&line);
                    count += 1;
                }
                Message::Tell(done) => waiting = Some(done),
            }
            next = if batch.len() < BATCH && waiting.is_none() { lines.try_recv().ok() } else { None };
        }
        let written = output.write_all(&batch).and_then(|()| output.flush());
        let fate = if written.is_ok() { &fate.written } else { &fate.dropped };
        fate.fetch_add(count, Ordering::Relaxed);
        batch.clear();
        if let Some(done) = waiting {
            // Or it has had no patience left.
            let _ = done.send(());
        }
    }
}
