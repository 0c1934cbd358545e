//! Waits for saves and signals.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use salesmart_base::fail;
use salesmart_project::files::Files;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::console::Console;

/// Editors write a file several times; a save is over when nothing happened for so long.
const QUIET: Duration = Duration::from_millis(100);

/// A save that does not end, such as a long copy, is looked at after so long.
const LONGEST: Duration = Duration::from_secs(2);

/// How often files are looked at where the system does not tell.
const POLL: Duration = Duration::from_millis(500);

/// What the system tells about the watched folders.
pub struct Events {
    root: PathBuf,
    received: Receiver<Received>,
    watcher: Box<dyn Watcher>,
}

/// An event, and when it came.
type Received = (Instant, notify::Result<Event>);

/// Events close together.
#[derive(Debug)]
pub struct Saved {
    /// When the first one came.
    pub at: Instant,
    paths: Vec<PathBuf>,
}

impl Saved {
    /// Whether one of the files was written, even if its content is the same.
    pub fn touches(&self, files: &Files) -> bool {
        files.hold(&self.paths)
    }
}

impl Events {
    /// Watches a project. Where the system cannot tell, files are looked at twice a second, and the user is told.
    pub fn of(root: &Path, console: &Console) -> Result<Self> {
        let (sender, received) = mpsc::channel();
        let told = RecommendedWatcher::new(forward(sender.clone()), Config::default()).and_then(|mut watcher| {
            add(&mut watcher, root)?;
            Ok(Box::new(watcher) as Box<dyn Watcher>)
        });
        let watcher = match told {
            Ok(watcher) => watcher,
            Err(error) => {
                console.warn(&format!(
                    "the system does not tell of changed files ({error}), so they are looked at twice a second"
                ));
                let config = Config::default().with_poll_interval(POLL).with_compare_contents(true);
                let watcher = PollWatcher::new(forward(sender), config)
                    .and_then(|mut watcher| add(&mut watcher, root).map(|()| watcher))
                    .with_context(|| format!("cannot watch {}", root.display()))?;
                Box::new(watcher)
            }
        };
        Ok(Self { root: root.to_owned(), received, watcher })
    }

    /// Waits for the next save to begin and to be over.
    pub fn next_save(&mut self) -> Result<Saved> {
        let mut saved = loop {
            let Ok((at, event)) = self.received.recv() else {
                fail!("watching has ended, because the system no longer tells of changes; start it again")
            };
            if let Some(paths) = written(event) {
                break Saved { at, paths };
            }
        };
        let mut quiet_at = saved.at + QUIET;
        while let Ok((at, event)) = self.received.recv_timeout(quiet_at.saturating_duration_since(Instant::now())) {
            if let Some(paths) = written(event) {
                saved.paths.extend(paths);
                quiet_at = (at + QUIET).min(saved.at + LONGEST);
            }
        }
        // A folder that was replaced is another one.
        if saved.paths.iter().any(|path| folders(&self.root).contains(path))
            && let Err(error) = add(self.watcher.as_mut(), &self.root)
        {
            tracing::debug!("cannot watch {}: {error}", self.root.display());
        }
        Ok(saved)
    }
}

/// Hands events over; when nobody waits for them any more, the program is ending.
fn forward(sender: Sender<Received>) -> impl Fn(notify::Result<Event>) + Send + 'static {
    move |event| {
        if sender.send((Instant::now(), event)).is_err() {
            tracing::debug!("nobody waits for events");
        }
    }
}

fn folders(root: &Path) -> [PathBuf; 2] {
    [root.join("sql"), root.join("data/contracts")]
}

/// Folders that hold nothing but watched files are watched with all below them; the project file may be replaced, so its
/// folder is.
fn add(watcher: &mut dyn Watcher, root: &Path) -> notify::Result<()> {
    watcher.watch(root, RecursiveMode::NonRecursive)?;
    folders(root).iter().try_for_each(|folder| watcher.watch(folder, RecursiveMode::Recursive))
}

/// The paths of an event, unless it was only a look at them. After an error of the watcher anything may have happened.
fn written(event: notify::Result<Event>) -> Option<Vec<PathBuf>> {
    match event {
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => None,
        Ok(event) => Some(event.paths),
        Err(error) => Some(error.paths),
    }
}

/// Ctrl-C and its like end the process, also in the middle of a build: what is not published leaves no trace.
pub fn end_on_signals() -> Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            eprintln!("interrupted: watching has ended, nothing half-done is kept");
            signal_hook::low_level::exit(128 + signal);
        }
    })?;
    Ok(())
}
