//! Progress bars: an observer that draws how far long work is.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use salesmart_base::count::grouped;
use salesmart_base::event::{Event, Progress};

/// Between looks at the counters.
const LOOK: Duration = Duration::from_millis(125);

/// The bar that is shown, if any is.
#[derive(Debug, Clone)]
pub(super) struct Bars {
    is_shown: bool,
    running: Arc<Mutex<Option<Running>>>,
}

/// A bar, and the thread that moves it.
#[derive(Debug)]
struct Running {
    bar: ProgressBar,
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Bars {
    /// Bars on standard error, or none.
    pub(super) fn new(is_shown: bool) -> Self {
        Self { is_shown, running: Arc::default() }
    }

    /// Starts, names and removes bars.
    pub(super) fn observe(&self, event: &Event<'_>) {
        if !self.is_shown {
            return;
        }
        match event {
            Event::IngestStarted { source, bytes, progress } => {
                let rows = (*progress).clone();
                let style = style("{msg} [{bar:30}] {bytes}/{total_bytes}  {rows}  {eta}").with_key(
                    "rows",
                    move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                        let (count, seconds) = (rows.rows(), state.elapsed().as_secs_f64().max(0.001));
                        // A display that cannot be written to shows nothing.
                        let _ = write!(out, "{} rows, {}/s", grouped(count), grouped((count as f64 / seconds) as u64));
                    },
                );
                self.start(bar(Some(*bytes), source, style), progress, Progress::bytes);
            }
            Event::SyncStarted { progress } => {
                let style = style("{spinner} {msg} {human_pos} rows {elapsed}");
                self.start(bar(None, "sync", style), progress, Progress::rows);
            }
            Event::TableStarted { table } => {
                if let Some(running) = &*self.running.lock().unwrap_or_else(PoisonError::into_inner) {
                    running.bar.set_message((*table).to_owned());
                }
            }
            Event::Ingested { .. } | Event::SyncEnded => self.end(),
            _ => {}
        }
    }

    fn start(&self, bar: ProgressBar, progress: &Progress, position: fn(&Progress) -> u64) {
        self.end();
        let (end, ended) = mpsc::channel();
        let (moved, progress) = (bar.clone(), progress.clone());
        let thread = thread::spawn(move || {
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                moved.set_position(position(&progress));
                moved.tick();
            }
            moved.finish_and_clear();
        });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { bar, end, thread });
    }

    /// Removes the bar, and waits until it is gone: what is written next must not be overwritten.
    fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { end, thread, .. }) = running {
            drop(end);
            // A thread that panicked shows no bar either.
            let _ = thread.join();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn bar(total: Option<u64>, label: &str, style: ProgressStyle) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(8);
    ProgressBar::with_draw_target(total, target).with_style(style).with_message(label.to_owned())
}
