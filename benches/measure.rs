//! The program as a process, and the time and memory of one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// What one run took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Run {
    /// From start to exit.
    pub seconds: f64,
    /// Seconds of all cores together, where the system tells.
    pub cpu: Option<f64>,
    /// Most memory it held, in bytes, where the system tells.
    pub peak: Option<u64>,
}

/// The program, deaf to what the environment may set for it.
pub fn salesmart() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salesmart"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SALESMART_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG");
    command
}

/// Makes a project that may read files outside itself, of which all lie in this folder.
///
/// # Errors
/// The project cannot be made.
pub fn init(project: &Path, data: &Path) -> Result<()> {
    run(salesmart().arg("init").arg(project))?;
    let path = project.join("salesmart.toml");
    let data = toml::Value::String(std::path::absolute(data)?.to_string_lossy().into_owned());
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    std::fs::write(&path, format!("{text}\n[paths]\nallowed = [{data}]\n"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Runs a command to its end; returns what it wrote to standard output, too.
///
/// # Errors
/// With what the command wrote, if it fails.
pub fn run(command: &mut Command) -> Result<(Run, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let cpu_before = cpu_of_children();
    let started = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let pid = child.id();
    let (stop, stopped) = mpsc::channel();
    let (output, seconds, peak) = thread::scope(|scope| {
        let watch = scope.spawn(move || watch(pid, &stopped));
        let output = child.wait_with_output();
        let seconds = started.elapsed().as_secs_f64();
        drop(stop);
        (output, seconds, watch.join().unwrap_or_default())
    });
    let output = output.with_context(|| format!("cannot wait for {command:?}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{command:?} ended with {}:\n{}", output.status, String::from_utf8_lossy(&said).trim_end());
    }
    let cpu = cpu_before.and_then(|before| Some(cpu_of_children()? - before));
    Ok((Run { seconds, cpu, peak }, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Seconds that all children took which have ended; only one runs at a time.
fn cpu_of_children() -> Option<f64> {
    // To every program Linux counts in hundredths of a second, whatever its own clock is.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold blanks, cutime and cstime are the fourteenth and fifteenth field.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Vec<f64> = fields.split(' ').skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    Some(ticks.iter().sum::<f64>() / TICKS)
}

/// Reads the high-water mark until the process has ended. It never falls, so no peak between two looks is missed.
fn watch(pid: u32, stopped: &Receiver<()>) -> Option<u64> {
    let mut peak = None;
    loop {
        peak = peak.max(high_water(pid));
        if stopped.recv_timeout(Duration::from_millis(10)) != Err(RecvTimeoutError::Timeout) {
            return peak;
        }
    }
}

fn high_water(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kilobytes * 1024)
}
