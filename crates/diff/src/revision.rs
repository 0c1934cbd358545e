//! What the working tree's models change against those of a revision, over the same data.
//!
//! Both are built in a copy of the staging file: the revision's models are published there, then the working tree's are
//! compared with them. So only models that differ are built, and the project's own staging file is only read.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use salesmart_base::config::Config;
use salesmart_base::event::{Event, Observer};
use salesmart_base::fail;
use salesmart_base::failure::Failure;
use salesmart_project::Project;
use salesmart_staging::Staging;
use salesmart_transform::build::{Finish, Options};

use super::{Against, Outcome, published};

/// Where models stand. Checks have no part in this: numbers are compared, not judged.
const MODELS: [&str; 3] = ["sql/staging", "sql/intermediate", "sql/marts"];

/// Builds both and compares them.
pub fn revision(
    config: &Config,
    revision: &str,
    names: &[String],
    options: &Options,
    limit: u64,
    observer: &dyn Observer,
) -> Result<(Outcome, Option<anyhow::Error>)> {
    let commit = commit(config, revision)?;
    // As a file named like the staging file's own, git ignores it with that.
    let space = Workspace::beside(&config.staging_file, observer)?;
    let then = Config { root: space.0.join("project"), staging_file: space.0.join("staging.duckdb"), ..config.clone() };
    check_out(config, &commit, revision, &then.root)?;
    copy_staging(config, &then.staging_file)?;
    build_then(&then, options, observer)
        .map_err(|error| relabel(&error, &then.root, revision))
        .with_context(|| Failure::new(format!("the models as of {revision} cannot be built")))?;
    let now = Config { staging_file: then.staging_file.clone(), ..config.clone() };
    let mut project = Project::open(&now, observer)?;
    project.models.checks.clear();
    let options = Options { finish: Finish::Discard, ..options.clone() };
    let (outcome, error) = published::published(&project, names, &options, limit)?;
    Ok((Outcome { against: Against::Revision(revision.to_owned()), ..outcome }, error))
}

fn build_then(then: &Config, options: &Options, observer: &dyn Observer) -> Result<()> {
    let project = Project::open(then, observer)?;
    project.build(&Options { finish: Finish::Publish, ..options.clone() })?;
    Ok(())
}

/// The revision's files lie in a folder that will be gone: `main:sql/marts/dim_x.sql:3: …`.
fn relabel(error: &anyhow::Error, root: &Path, revision: &str) -> anyhow::Error {
    Failure::new(error.to_string().replace(&format!("{}/", root.display()), &format!("{revision}:"))).into()
}

/// The commit that a revision names.
fn commit(config: &Config, revision: &str) -> Result<String> {
    git(config, &["rev-parse", "--show-toplevel"]).map_err(|error| {
        Failure::new(format!(
            "{} is not in a git repository ({error:#}); put it in one, or compare with --against published",
            config.root.display()
        ))
    })?;
    let commit = format!("{revision}^{{commit}}");
    match git(config, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]) {
        Ok(output) => Ok(String::from_utf8_lossy(&output).trim().to_owned()),
        Err(_) => fail!("git knows no revision {revision}; `git log --oneline` and `git branch --all` list them"),
    }
}

/// Writes the models of a commit, and the working tree's contracts, into a folder.
fn check_out(config: &Config, commit: &str, revision: &str, root: &Path) -> Result<()> {
    let listed = git(config, &[&["ls-tree", "-r", "-z", commit, "--"], MODELS.as_slice()].concat())?;
    let mut count = 0;
    for entry in String::from_utf8_lossy(&listed).split('\0') {
        // `100644 blob 1f7a…<tab>sql/marts/dim_x.sql`, relative to the project.
        let Some((object, path)) = entry.split_once('\t') else { continue };
        if !Path::new(path).components().all(|part| matches!(part, Component::Normal(_))) {
            fail!("{revision} has a file named {path}, which is no path inside the project");
        }
        let Some(("blob", id)) = object.split_once(' ').and_then(|(_, rest)| rest.split_once(' ')) else { continue };
        write(&root.join(path), &git(config, &["cat-file", "blob", id])?)?;
        count += 1;
    }
    if count == 0 {
        fail!(
            "there are no models in sql/ as of {revision}; was {} committed by then?",
            config.root.join("sql").display()
        );
    }
    let contracts = config.root.join("data/contracts");
    for entry in std::fs::read_dir(&contracts).with_context(|| format!("cannot list {}", contracts.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let content = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            write(&root.join("data/contracts").join(path.file_name().unwrap_or_default()), &content)?;
        }
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Runs git in the project.
fn git(config: &Config, args: &[&str]) -> Result<Vec<u8>> {
    let output = match Command::new("git").arg("-C").arg(&config.root).args(args).output() {
        Ok(output) => output,
        Err(error) => fail!("git cannot be run: {error}; install it, or compare with --against published"),
    };
    match output.status.success() {
        true => Ok(output.stdout),
        false => fail!("{}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}

/// Copies the staging file while nobody can write it.
fn copy_staging(config: &Config, to: &Path) -> Result<()> {
    let _reading = Staging::open_read_only(config)?;
    let mut log = config.staging_file.clone().into_os_string();
    log.push(".wal");
    let mut to_log = to.to_owned().into_os_string();
    to_log.push(".wal");
    // A process that was killed leaves committed changes in the log.
    for (from, to) in [(config.staging_file.clone(), to.to_owned()), (log.into(), PathBuf::from(to_log))] {
        if from.exists() {
            std::fs::copy(&from, &to).map_err(|error| {
                Failure::new(format!("cannot copy {} to {}: {error}", from.display(), to.display()))
            })?;
        }
    }
    Ok(())
}

/// A folder beside the staging file, removed in the end. What a killed process left is removed by the next one.
struct Workspace<'a>(PathBuf, &'a dyn Observer);

impl<'a> Workspace<'a> {
    fn beside(staging_file: &Path, observer: &'a dyn Observer) -> Result<Self> {
        let folder = staging_file.parent().unwrap_or(Path::new("."));
        let prefix = format!("{}.diff-", staging_file.file_name().unwrap_or_default().to_string_lossy());
        let entries = std::fs::read_dir(folder).map_err(|error| {
            Failure::new(format!("cannot list {}: {error}; run `salesmart run` first", folder.display()))
        })?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.strip_prefix(&prefix)).and_then(|pid| pid.parse().ok());
            let is_left = pid
                .and_then(rustix::process::Pid::from_raw)
                .is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH));
            if is_left {
                std::fs::remove_dir_all(entry.path())
                    .with_context(|| format!("cannot remove {}", entry.path().display()))?;
            }
        }
        let space = folder.join(format!("{prefix}{}", std::process::id()));
        std::fs::create_dir_all(&space)
            .map_err(|error| Failure::new(format!("cannot make the folder {}: {error}", space.display())))?;
        Ok(Self(space, observer))
    }
}

impl Drop for Workspace<'_> {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            self.1.observe(&Event::FolderLeft { folder: &self.0, error: &error });
        }
    }
}
