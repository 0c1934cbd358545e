//! The comment at the head of a SQL file: prose, and settings such as `-- key: sale_id`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use salesmart_base::{fail, toml_file};

/// What stands in a header.
pub struct Header {
    /// The lines that set nothing.
    pub prose: String,
    settings: BTreeMap<String, (usize, String)>,
    /// The whole file, header included, as one statement.
    pub sql: String,
}

impl Header {
    /// Reads a file; `known` are the settings that it may have.
    ///
    /// # Errors
    /// A setting that is nearly one of them.
    pub fn read(path: &Path, known: &[&str]) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => fail!("cannot read {}: {error}", path.display()),
        };
        // A byte order mark or a final semicolon would break the statement the select is put into.
        let sql = text.trim_start_matches('\u{feff}').trim_end().trim_end_matches(';').to_owned();
        let mut prose = Vec::new();
        let mut settings = BTreeMap::new();
        for (index, line) in sql.lines().enumerate() {
            let Some(comment) = line.trim().strip_prefix("--") else { break };
            let comment = comment.trim();
            match setting(comment) {
                Some((name, value)) if known.contains(&name) => {
                    settings.insert(name.to_owned(), (index + 1, value.to_owned()));
                }
                Some((name, _)) if toml_file::nearest(name, known.iter().copied()).is_some() => {
                    let nearest = toml_file::nearest(name, known.iter().copied()).unwrap_or_default();
                    fail!("{}:{}: `{name}:` is not known; did you mean `{nearest}:`?", path.display(), index + 1);
                }
                _ => prose.push(comment),
            }
        }
        Ok(Self { prose: prose.join("\n").trim().to_owned(), settings, sql })
    }

    /// Takes a setting out: its line and its value.
    pub fn take(&mut self, name: &str) -> Option<(usize, String)> {
        self.settings.remove(name)
    }

    /// The line of a setting that was not taken yet.
    pub fn line(&self, name: &str) -> Option<usize> {
        self.settings.get(name).map(|(line, _)| *line)
    }

    /// A list of words between commas.
    pub fn take_words(&mut self, name: &str) -> Vec<String> {
        let words = self.take(name).map(|(_, words)| words).unwrap_or_default();
        words.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
    }
}

/// `name: value`, where the name is one word.
pub fn setting(comment: &str) -> Option<(&str, &str)> {
    let (name, value) = comment.split_once(':')?;
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_word.then(|| (name, value.trim()))
}
