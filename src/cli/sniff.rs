//! `salesmart sniff`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use salesmart_base::count::{counted, grouped};
use salesmart_base::{fail, whole_file};
use salesmart_ingest::sniff;
use salesmart_ingest::sniff::draft;

use super::Global;
use crate::console::Console;
use crate::stdout::Answer;

/// Draft a contract and a staging model from files, for you to review.
///
/// Looks at the files (encoding, delimiter, header, what each column holds) and prints a contract and a staging model.
/// Wherever it had to guess (a date that could be day or month first, a decimal comma, an encoding, leading zeros, numbers
/// that look like identifiers) a comment says DOUBT; what it cannot tell it leaves as text. Then it reads the files
/// through the draft and says how many records fit. Loading never guesses: it goes by the contract you have reviewed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files that look alike
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Name of the source; by default made from the first file's name
    #[arg(long)]
    pub name: Option<String>,
    /// Write data/contracts/NAME.toml and sql/staging/stg_NAME.sql instead of printing them; files that are there are
    /// never overwritten
    #[arg(long)]
    pub write: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let Some(first) = args.files.first() else { fail!("name a file to look at") };
    let name = match &args.name {
        Some(name) if salesmart_staging::is_plain_name(name) => name.clone(),
        Some(name) => fail!("--name {name}: use lower-case letters, digits and _, starting with a letter"),
        None => name_of(first),
    };
    let root = if args.write { Some(global.config()?.root) } else { global.config().ok().map(|config| config.root) };
    let glob = glob_of(&args.files, root.as_deref());
    for file in &args.files {
        if !file.is_file() {
            fail!("cannot read {}: there is no such file", file.display());
        }
    }
    let sniffed = sniff::sniff(&args.files, &name, &glob)?;
    let contract = format!("data/contracts/{name}.toml");
    let model = format!("sql/staging/stg_{name}.sql");
    let targets = [(&contract, &sniffed.contract), (&model, &sniffed.model)];
    match root.filter(|_| args.write) {
        Some(root) => {
            for (target, _) in &targets {
                if root.join(target).exists() {
                    fail!("{target} is there already; remove it, or choose another --name");
                }
            }
            let mut written = Vec::new();
            for (target, text) in targets {
                let path = root.join(target);
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
                }
                if let Err(error) = whole_file::write_new(&path, text) {
                    // One without the other would stand in the way of the next try.
                    written.iter().for_each(|path| drop(std::fs::remove_file(path)));
                    fail!("cannot write {}: {error}", path.display());
                }
                written.push(path);
            }
            targets.iter().for_each(|(target, _)| console.say(&format!("wrote {target}")));
        }
        None => {
            let mut out = Answer::new();
            writeln!(out, "# {contract}\n{}\n-- {model}\n{}", sniffed.contract, sniffed.model)?;
        }
    }
    let doubts = sniffed.contract.matches("# DOUBT").count();
    console.warn(&format!(
        "this is a draft with {} to look at; under it {} accepted and {} rejected",
        counted(doubts as u64, "doubt"),
        counted(sniffed.accepted, "record"),
        grouped(sniffed.rejected)
    ));
    for example in &sniffed.examples {
        console.warn(example);
    }
    Ok(())
}

/// `Sales 2024-01.csv.gz` is `sales`.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.split('.').next().unwrap_or_default();
    let letters = stem.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    draft::snake_case(if letters.is_empty() { stem } else { letters })
}

/// A pattern for the files: the one file, or what the names have in common with `*` in between.
fn glob_of(files: &[PathBuf], root: Option<&Path>) -> String {
    let relative = |file: &Path| -> String {
        let full = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let root = root.and_then(|root| std::fs::canonicalize(root).ok());
        let shown = root.and_then(|root| full.strip_prefix(root).ok().map(Path::to_owned)).unwrap_or(full);
        shown.to_string_lossy().into_owned()
    };
    let names: Vec<String> = files.iter().map(|file| relative(file)).collect();
    let Some((first, others)) = names.split_first() else { return String::new() };
    if others.iter().all(|other| other == first) {
        return first.clone();
    }
    let common = |a: &str, b: &str| {
        a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum::<usize>()
    };
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    let start = others.iter().map(|other| common(first, other)).min().unwrap_or(0);
    let end = others.iter().map(|other| common(&reversed(first), &reversed(other))).min().unwrap_or(0);
    let end = end.min(first.len() - start);
    // Numbers go on: files 01 and 02 are followed by 10.
    let is_digit = |c: char| c.is_ascii_digit();
    format!("{}*{}", first[..start].trim_end_matches(is_digit), first[first.len() - end..].trim_start_matches(is_digit))
}
