//! Watching: on every save, what is affected is rebuilt and compared with what is published.
//!
//! [`files`] knows what a save changed; [`events`] waits for the next one. The project is opened for one rebuild at a time, so
//! that the staging file is free in between.

mod events;

use std::time::Instant;

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::count::counted;
use salesmart_base::failure;
use salesmart_diff::published;
use salesmart_model::Models;
use salesmart_project::Project;
use salesmart_project::files::Files;
use salesmart_transform::build::{Finish, Options};

use crate::cli::diff::text;
use crate::console::{self, Console, LogFormat, Step};
use events::Events;

/// What to do on every save.
#[derive(Debug)]
pub struct Task<'a> {
    /// The models to show; all if there are none.
    pub models: &'a [String],
    /// How to build them.
    pub options: Options,
    /// Rows shown of each kind.
    pub limit: u64,
    /// How errors are written.
    pub log_format: LogFormat,
}

/// Watches until a signal ends the process.
///
/// # Errors
/// What makes watching pointless from the start: no project, no staging file, an unknown model. Later errors are printed, and
/// watching goes on.
pub fn run(load: &dyn Fn() -> Result<Config>, task: &Task<'_>, console: &Console) -> Result<()> {
    let config = load()?;
    published::require_staging(&config)?;
    // Models that cannot be read are no reason to end: that is what the first save will repair.
    if let Ok(models) = Models::load(&config) {
        for name in task.models {
            models.get(name)?;
        }
    }
    events::end_on_signals()?;
    let mut events = Events::of(&config.root, console)?;
    let mut files = Files::read(&config.root);
    let mut is_good = attempt(load, task, Since { what: "start", at: Instant::now() }, console);
    console.say(&format!("watching {} files below {}; Ctrl-C ends it", files.count(), config.root.display()));
    loop {
        let saved = events.next_save()?;
        let now = Files::read(&config.root);
        let changed = now.changed_since(&files);
        // A save that changes nothing is worth another try only if the last one failed.
        if changed.is_empty() && (is_good || !saved.touches(&now)) {
            continue;
        }
        files = now;
        if !changed.is_empty() {
            let text = format!("\nsaved   {}", changed.join(", "));
            console.finding("watch", &text, &serde_json::json!({ "saved": changed }));
        }
        is_good = attempt(load, task, Since { what: "save", at: saved.at }, console);
    }
}

/// From when on a result is waited for.
#[derive(Debug, Clone, Copy)]
struct Since {
    what: &'static str,
    at: Instant,
}

/// Rebuilds and says what differs; an error is said, too.
fn attempt(load: &dyn Fn() -> Result<Config>, task: &Task<'_>, since: Since, console: &Console) -> bool {
    match rebuild(load, task, since, console) {
        Ok(()) => true,
        Err(error) => {
            console::report(&failure::recognise(error), task.log_format);
            false
        }
    }
}

fn rebuild(load: &dyn Fn() -> Result<Config>, task: &Task<'_>, since: Since, console: &Console) -> Result<()> {
    let config = load()?;
    let (outcome, error) = {
        // Closed before anything is said: whoever reads that may use the staging file.
        let project = Project::open(&config, console)?;
        published::published(&project, task.models, &task.options, task.limit)?
    };
    text::say(&outcome, console)?;
    if let Some(error) = error {
        return Err(error);
    }
    let published = match (task.options.finish, outcome.models.is_empty()) {
        (Finish::Publish, _) => ", published",
        (Finish::Discard, true) => "",
        (Finish::Discard, false) => ", not published",
    };
    let subject = format!("{} changed", counted(outcome.models.len() as u64, "model"));
    console.step(&Step {
        stage: "watch",
        subject: &subject,
        rows: None,
        elapsed: since.at.elapsed(),
        note: format!("from {} to result{published}", since.what),
    });
    Ok(())
}
