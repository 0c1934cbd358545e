//! The two tools that keep the mart: how each makes a project, loads files and builds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::measure::{self, salesmart};

/// The model that is edited, in both projects.
pub const EDITED: &str = "agg_monthly_product";

/// The dbt project. Its models return the columns of the shipped ones; staging and facts are incremental by file.
const DBT_PROJECT: [(&str, &str); 13] = [
    ("dbt_project.yml", include_str!("dbt/dbt_project.yml")),
    ("profiles.yml", include_str!("dbt/profiles.yml")),
    ("macros/surrogate_key.sql", include_str!("dbt/macros/surrogate_key.sql")),
    ("models/sources.yml", include_str!("dbt/models/sources.yml")),
    ("models/stg_sales.sql", include_str!("dbt/models/stg_sales.sql")),
    ("models/fact_sales.sql", include_str!("dbt/models/fact_sales.sql")),
    ("models/dim_customer.sql", include_str!("dbt/models/dim_customer.sql")),
    ("models/dim_date.sql", include_str!("dbt/models/dim_date.sql")),
    ("models/dim_product.sql", include_str!("dbt/models/dim_product.sql")),
    ("models/dim_region.sql", include_str!("dbt/models/dim_region.sql")),
    ("models/agg_customer_cohort.sql", include_str!("dbt/models/agg_customer_cohort.sql")),
    ("models/agg_daily_sales.sql", include_str!("dbt/models/agg_daily_sales.sql")),
    ("models/agg_monthly_product.sql", include_str!("dbt/models/agg_monthly_product.sql")),
];

/// Who does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tool {
    /// `salesmart ingest` and `salesmart build`.
    Salesmart,
    /// DuckDB's `read_csv`, and this dbt.
    Dbt(PathBuf),
}

impl Tool {
    /// As it is printed; also the name of its folder.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Salesmart => "salesmart",
            Self::Dbt(_) => "dbt",
        }
    }

    /// What a project depends on beside the files: another one makes another project.
    pub fn version(&self) -> Result<String> {
        match self {
            Self::Salesmart => salesmart_base::hash::of_file(Path::new(env!("CARGO_BIN_EXE_salesmart"))),
            Self::Dbt(_) => {
                Ok(salesmart_base::hash::of_parts(DBT_PROJECT.iter().flat_map(|(name, text)| [*name, *text])))
            }
        }
    }

    /// Makes a project for files in the folder `data`.
    pub fn init(&self, project: &Path, data: &Path) -> Result<()> {
        match self {
            Self::Salesmart => measure::init(project, data)?,
            Self::Dbt(_) => {
                for (name, text) in DBT_PROJECT {
                    write(&project.join(name), text)?;
                }
            }
        }
        Ok(())
    }

    /// The database of a project.
    pub fn database(&self, project: &Path) -> PathBuf {
        match self {
            Self::Salesmart => project.join("data/staging.duckdb"),
            Self::Dbt(_) => project.join("sales.duckdb"),
        }
    }

    /// Loads these files. salesmart looks for new ones itself, among all that it has loaded before.
    pub fn load(&self, project: &Path, files: &[PathBuf]) -> Result<Command> {
        match self {
            Self::Salesmart => {
                for file in files {
                    // A hard link would change the file's own times, by which salesmart knows it again.
                    let link = link_of(project, file);
                    std::os::unix::fs::symlink(file, &link)
                        .with_context(|| format!("cannot link {}", link.display()))?;
                }
                Ok(in_project(project, &["ingest"]))
            }
            Self::Dbt(_) => {
                let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
                command.arg("load").arg(self.database(project)).args(files);
                Ok(command)
            }
        }
    }

    /// Takes a file away again.
    pub fn unload(&self, project: &Path, file: &Path) -> Result<()> {
        let link = link_of(project, file);
        match link.is_symlink() {
            true => std::fs::remove_file(&link).with_context(|| format!("cannot remove {}", link.display())),
            false => Ok(()),
        }
    }

    /// Brings all models up to date.
    pub fn build(&self, project: &Path) -> Command {
        match self {
            Self::Salesmart => build(project),
            Self::Dbt(program) => dbt(program, project),
        }
    }

    /// What is typed after the edit: salesmart finds out what changed, dbt is told.
    pub fn build_edited(&self, project: &Path) -> Command {
        let mut command = self.build(project);
        if let Self::Dbt(_) = self {
            command.args(["--select", EDITED]);
        }
        command
    }

    /// Edits the model: each number gives it other rows, 0 those that it has as shipped.
    pub fn edit(&self, project: &Path, number: u32) -> Result<()> {
        const BEFORE: &str = "cast(sum(quantity)";
        const AFTER: &str = " as decimal(18, 4)) as quantity";
        let folder = match self {
            Self::Salesmart => "sql/marts",
            Self::Dbt(_) => "models",
        };
        let path = project.join(folder).join(EDITED).with_extension("sql");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let place = text.split_once(BEFORE).and_then(|(head, rest)| Some((head, rest.split_once(AFTER)?.1)));
        let (head, tail) = place.with_context(|| format!("{} has no `{BEFORE}{AFTER}` to edit", path.display()))?;
        let added = if number == 0 { String::new() } else { format!(" + {number}") };
        write(&path, &format!("{head}{BEFORE}{added}{AFTER}{tail}"))
    }
}

/// `salesmart build`, with its steps in the form for other programs.
pub fn build(project: &Path) -> Command {
    in_project(project, &["build", "--log-format", "json"])
}

/// A command of salesmart in a project.
pub fn in_project(project: &Path, words: &[&str]) -> Command {
    let mut command = salesmart();
    command.args(words).arg("--project").arg(project);
    command
}

/// Writes a file, and the folders above it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn dbt(program: &Path, project: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project).args(["--quiet", "run", "--profiles-dir", "."]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DBT_") {
            command.env_remove(name);
        }
    }
    command
}

fn link_of(project: &Path, file: &Path) -> PathBuf {
    project.join("data/raw").join(file.file_name().unwrap_or_default())
}
