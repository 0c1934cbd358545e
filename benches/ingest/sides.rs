//! The two sides: `salesmart ingest`, and DuckDB's `read_csv` in a process that does nothing else.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use duckdb::Connection;
use salesmart_staging::literal;

use crate::generate::COLUMNS;
use crate::measure::{self, Run, salesmart};

/// Who loads the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `salesmart ingest`
    Salesmart,
    /// `create table … as select * from read_csv(…)`
    ReadCsv,
}

impl Side {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::Salesmart, Self::ReadCsv];

    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Salesmart => "salesmart",
            Self::ReadCsv => "read_csv",
        }
    }
}

/// Where both work.
pub struct Sides {
    project: PathBuf,
    csv: PathBuf,
    peer_db: PathBuf,
    threads: u32,
}

impl Sides {
    /// Makes a project for the file. One from an earlier run goes: another version may have made it.
    pub fn prepare(dir: &Path, csv: PathBuf, threads: u32) -> Result<Self> {
        let project = dir.join("bench-project");
        if project.exists() {
            std::fs::remove_dir_all(&project).with_context(|| format!("cannot remove {}", project.display()))?;
        }
        measure::init(&project, csv.parent().unwrap_or(Path::new(".")))?;
        let contract = project.join("data/contracts/sales.toml");
        std::fs::write(&contract, contract_text(&csv)?)
            .with_context(|| format!("cannot write {}", contract.display()))?;
        Ok(Self { project, csv, peer_db: dir.join("peer.duckdb"), threads })
    }

    /// Loads the file into a fresh database.
    pub fn run(&self, side: Side) -> Result<Run> {
        remove_database(&self.database(side))?;
        let mut command = match side {
            Side::Salesmart => {
                let mut command = salesmart();
                command.arg("ingest").arg("--project").arg(&self.project);
                command.arg("--threads").arg(self.threads.to_string());
                command
            }
            Side::ReadCsv => {
                let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
                command.arg("peer").arg(&self.peer_db).arg(&self.csv).arg(self.threads.to_string());
                command
            }
        };
        Ok(measure::run(&mut command)?.0)
    }

    /// Compares what both hold after a round.
    ///
    /// # Errors
    /// If it is not the same rows, or not as many as the file has.
    pub fn verify(&self, rows: u64) -> Result<()> {
        let ours = content(&self.database(Side::Salesmart), "raw.sales")?;
        let theirs = content(&self.database(Side::ReadCsv), "main.sales")?;
        if ours != theirs || ours.rows != rows {
            bail!("not the same rows: the file has {rows}\nsalesmart: {ours:?}\nread_csv:  {theirs:?}");
        }
        Ok(())
    }

    /// Frees what both databases take; the file stays.
    pub fn remove_databases(&self) -> Result<()> {
        Side::BOTH.into_iter().try_for_each(|side| remove_database(&self.database(side)))
    }

    fn database(&self, side: Side) -> PathBuf {
        match side {
            Side::Salesmart => self.project.join("data/staging.duckdb"),
            Side::ReadCsv => self.peer_db.clone(),
        }
    }
}

/// The work of the process that salesmart is measured against.
pub fn peer(db: &Path, csv: &Path, threads: u32) -> Result<()> {
    let config = duckdb::Config::default().threads(i64::from(threads))?;
    let conn = Connection::open_with_flags(db, config).with_context(|| format!("cannot open {}", db.display()))?;
    let columns: Vec<String> = COLUMNS.iter().map(|(name, kind)| format!("{name}: '{kind}'")).collect();
    conn.execute_batch(&format!(
        "create table sales as select * from read_csv({}, header = true, auto_detect = false,
             delim = ',', quote = '\"', escape = '\"', columns = {{{}}})",
        literal(&pattern(csv)?),
        columns.join(", ")
    ))
    .with_context(|| format!("cannot load {}", csv.display()))?;
    conn.close().map_err(|(_, error)| error).with_context(|| format!("cannot close {}", db.display()))
}

fn contract_text(csv: &Path) -> Result<String> {
    let files = toml::Value::String(pattern(csv)?);
    let columns: String = COLUMNS
        .iter()
        .map(|(name, kind)| match *name {
            "discount" => format!("{name} = {{ type = \"{kind}\" }}\n"),
            _ => format!("{name} = {{ type = \"{kind}\", required = true }}\n"),
        })
        .collect();
    Ok(format!("files = {files}\nmax_rejects = 0\n\n[columns]\n{columns}"))
}

/// What a table holds, in whatever order.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    rows: u64,
    revenue: String,
    unit_price: String,
    /// Sum of the hashes of the rows.
    hashes: String,
}

fn content(db: &Path, table: &str) -> Result<Content> {
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly)?;
    let conn = Connection::open_with_flags(db, config).with_context(|| format!("cannot open {}", db.display()))?;
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let sql = format!(
        "select count(*), sum(revenue)::varchar, sum(unit_price)::varchar, sum(hash({}))::varchar from {table}",
        names.join(", ")
    );
    conn.query_row(&sql, [], |row| {
        Ok(Content { rows: row.get(0)?, revenue: row.get(1)?, unit_price: row.get(2)?, hashes: row.get(3)? })
    })
    .with_context(|| format!("cannot read {table} in {}", db.display()))
}

/// Removes a database and what DuckDB may have left beside it: its log and its folder for temporary files.
fn remove_database(db: &Path) -> Result<()> {
    for suffix in ["", ".wal", ".tmp"] {
        let mut path = db.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
        let removed = match path.is_dir() {
            true => std::fs::remove_dir_all(&path),
            false if path.exists() => std::fs::remove_file(&path),
            false => Ok(()),
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// Both sides take a pattern: brackets in the folder's name must stand for themselves.
fn pattern(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| format!("the path {} is not UTF-8; choose another --dir", path.display()));
    Ok(glob::Pattern::escape(text?))
}
