//! Which tests run.

use anyhow::Result;
use glob::Pattern;
use salesmart_base::failure::Failure;
use salesmart_base::{fail, toml_file};

use super::case::Kind;

/// A name on the command line, and whether it has selected anything.
struct Name {
    pattern: Pattern,
    has_matched: bool,
}

/// Which tests run: by kind, and by name.
pub struct Selection {
    kinds: Vec<Kind>,
    names: Vec<Name>,
    /// The names that were there to be selected.
    seen: Vec<String>,
}

impl Selection {
    /// The tests of these kinds that answer to one of the globs; without globs, all of them.
    ///
    /// # Errors
    /// A glob that is none.
    pub fn new(kinds: Vec<Kind>, globs: &[String]) -> Result<Self> {
        let name = |glob: &String| match Pattern::new(glob) {
            Ok(pattern) => Ok(Name { pattern, has_matched: false }),
            Err(error) => Err(Failure::new(format!("{glob} is no pattern: {error}"))),
        };
        let names = globs.iter().map(name).collect::<Result<_, _>>()?;
        Ok(Self { kinds, names, seen: Vec::new() })
    }

    /// Whether tests of this kind run at all.
    pub fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether everything of this kind runs, so that what is left over can be told.
    pub fn has_all(&self, kind: Kind) -> bool {
        self.has(kind) && self.names.is_empty()
    }

    /// Does a test of this kind run that answers to these names?
    pub fn wants(&mut self, kind: Kind, names: &[&str]) -> bool {
        if !self.has(kind) {
            return false;
        }
        self.seen.extend(names.iter().map(|name| (*name).to_owned()));
        let mut is_wanted = self.names.is_empty();
        for name in &mut self.names {
            if names.iter().any(|candidate| name.pattern.matches(candidate)) {
                name.has_matched = true;
                is_wanted = true;
            }
        }
        is_wanted
    }

    /// Refuses names that have selected nothing.
    pub fn settle(&self) -> Result<()> {
        let Some(name) = self.names.iter().find(|name| !name.has_matched) else { return Ok(()) };
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.suite()).collect();
        let advice = match toml_file::nearest(name.pattern.as_str(), self.seen.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "`salesmart test --list` has them all".to_owned(),
        };
        fail!("no test ({}) has the name {}; {advice}", kinds.join(", "), name.pattern.as_str())
    }
}
