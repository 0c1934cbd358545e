//! Which models a build says it has built, and which ones it may build after an edit.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Compares what a build said with what was edited.
///
/// # Errors
/// If it left the edited model as it was, or built one that does not read it.
pub fn verify(project: &Path, said: &str, edited: Option<&str>) -> Result<()> {
    let built = built(said)?;
    let Some(edited) = edited else {
        ensure!(built.is_empty(), "{}: nothing changed, and built were {built:?}", project.display());
        return Ok(());
    };
    ensure!(built.contains(edited), "{}: {edited} was edited, and built were {built:?}", project.display());
    let readers = readers(project, edited)?;
    let others: Vec<&String> = built.difference(&readers).collect();
    ensure!(others.is_empty(), "{}: {edited} was edited, and built were also {others:?}", project.display());
    Ok(())
}

/// The models that were built, from the lines of `--log-format json`.
fn built(said: &str) -> Result<BTreeSet<String>> {
    let mut built = BTreeSet::new();
    for line in said.lines() {
        let step: Value = serde_json::from_str(line).with_context(|| format!("not a step: {line}"))?;
        if step["stage"] == "build" && step["subject"] != "nothing changed" {
            built.extend(step["subject"].as_str().map(str::to_owned));
        }
    }
    Ok(built)
}

/// A model and all that read it, directly or not. A name in a comment counts: that is one too many at worst.
fn readers(project: &Path, model: &str) -> Result<BTreeSet<String>> {
    let mut models = Vec::new();
    for folder in ["sql/staging", "sql/intermediate", "sql/marts"] {
        let Ok(entries) = std::fs::read_dir(project.join(folder)) else { continue };
        for entry in entries {
            let path = entry?.path();
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            models.push((path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), text));
        }
    }
    let mut found = BTreeSet::from([model.to_owned()]);
    loop {
        let before = found.len();
        for (name, text) in &models {
            let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            if words.any(|word| found.contains(word)) {
                found.insert(name.clone());
            }
        }
        if found.len() == before {
            return Ok(found);
        }
    }
}
