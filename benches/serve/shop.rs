//! A project with generated sales, and its dashboard.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use postgres::{Client, NoTls};
use salesmart_base::event::Silent;
use salesmart_warehouse::embedded::Embedded;

use super::measure::{self, run, salesmart};

/// A project whose sales are in its own PostgreSQL.
pub struct Shop {
    folder: PathBuf,
    server: Embedded,
}

/// Its dashboard, at work.
pub struct Served {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// From the start to the first answer.
    pub ready: Duration,
}

impl Shop {
    /// Generates, loads and pushes the sales, unless that was done in this folder before.
    pub fn open(folder: &Path, sales: u64) -> Result<Self> {
        let project = folder.join(format!("shop-{sales}"));
        let done = project.join("pushed");
        if !done.exists() {
            eprintln!("generating and loading {sales} sales (once for this folder)");
            measure::init(&project, &project)?;
            let raw = project.join("data/raw");
            run(salesmart().args(["sample", "--rows", &sales.to_string(), "--days", "1095", "--out"]).arg(&raw))?;
            run(salesmart().arg("run").current_dir(&project).env_remove("DATABASE_URL"))?;
            std::fs::write(&done, "")?;
        }
        let server = Embedded::start(&project.join("data/postgres"), &Silent)?;
        Ok(Self { folder: project, server })
    }

    /// A connection to the warehouse.
    pub fn connect(&self) -> Result<Client> {
        Ok(self.server.config()?.connect(NoTls)?)
    }

    /// Starts the dashboard.
    pub fn serve(&self) -> Result<Served> {
        let started = Instant::now();
        let mut child = salesmart()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(&self.folder)
            .env_remove("DATABASE_URL")
            // A line per request is worth having, but not on a terminal that nobody reads.
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start salesmart serve")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let said =
            lines.by_ref().map_while(Result::ok).find(|line| line.contains("http://")).context("it does not serve")?;
        let address =
            said.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next()).context("no address")?;
        ensure!(address.starts_with("127.0.0.1:"), "it listens on {address}");
        Ok(Served { address: address.to_owned(), ready: started.elapsed(), child })
    }
}

impl Served {
    /// Memory that it holds now and the most it held, in bytes.
    pub fn memory(&self) -> Result<(u64, u64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("no /proc here")?;
        let value = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1_024)
        };
        value("VmRSS:").zip(value("VmHWM:")).context("no figures in /proc")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
