//! A fresh project: the files of this repository that make one, embedded in the program.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use include_dir::{Dir, include_dir};
use salesmart_base::config::FILE_NAME;
use salesmart_base::{fail, whole_file};

static CONTRACTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/data/contracts");
static SAMPLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/data/sample");
static SQL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sql");
const CONFIG: &str = include_str!("../salesmart.toml");
const GITIGNORE: &str =
    "/data/raw/\n/data/postgres/\n/data/docs/\n/data/staging.duckdb*\n/dashboards/users.toml\n*.errors.csv\n";

/// What goes into `data/raw` at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw {
    /// Nothing: the user's own files will.
    Empty,
    /// The sample.
    Sample,
}

/// Writes a project into a folder.
///
/// # Errors
/// A folder that is a project already, or that cannot be written.
pub fn init(folder: &Path, raw: Raw) -> Result<()> {
    if folder.join(FILE_NAME).exists() {
        fail!("{} is a salesmart project already; nothing was changed", folder.display());
    }
    write(&folder.join(".gitignore"), GITIGNORE.as_bytes())?;
    write_all(&CONTRACTS, &folder.join("data/contracts"))?;
    write_all(&SAMPLE, &folder.join("data/sample"))?;
    write_all(&SQL, &folder.join("sql"))?;
    std::fs::create_dir_all(folder.join("data/raw"))?;
    if raw == Raw::Sample {
        copy_sample(folder)?;
    }
    // Last: it makes the folder a project, which is never made a second time.
    write(&folder.join(FILE_NAME), CONFIG.as_bytes())
}

/// Copies the sample into `data/raw`.
pub fn copy_sample(folder: &Path) -> Result<()> {
    write_all(&SAMPLE, &folder.join("data/raw"))
}

fn write_all(dir: &Dir<'_>, into: &Path) -> Result<()> {
    for file in dir.files() {
        write(&into.join(file.path().file_name().map(PathBuf::from).unwrap_or_default()), file.contents())?;
    }
    for inner in dir.dirs() {
        write_all(inner, &into.join(inner.path().file_name().map(PathBuf::from).unwrap_or_default()))?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    whole_file::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
