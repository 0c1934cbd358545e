//! Tells somebody of a failed run: a shell command with the run as JSON on its standard input.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use salesmart_history::Run;

use crate::console::Console;

/// Calls the command and waits for its end. That it fails is a warning.
pub fn call(command: &str, run: &Run, console: &Console) {
    if let Err(error) = try_to(command, run) {
        console.warn(&format!("--on-failure `{command}` failed: {error:#}"));
    }
}

fn try_to(command: &str, run: &Run) -> Result<()> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .env("SALESMART_RUN_ID", &run.run_id)
        .env("SALESMART_OUTCOME", run.outcome.name())
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start sh")?;
    if let Some(mut input) = child.stdin.take() {
        match writeln!(input, "{}", run.json()?) {
            // Not everybody reads it.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error).context("cannot write to it"),
            Ok(()) | Err(_) => {}
        }
    }
    let status = child.wait().context("cannot wait for it")?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(())
}
