//! Choosing models on the command line: names, files, tags and what git says changed, with what they read and what
//! reads them. The grammar is dbt's.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use glob::Pattern;
use salesmart_base::{fail, toml_file};
use salesmart_model::Models;

use super::graph::Graph;

/// How far to follow the graph from the models that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Not at all.
    None,
    /// So many steps.
    Steps(usize),
    /// To the end.
    All,
}

/// What a word names, before the graph is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Method {
    /// Models by name; `*` stands for any text.
    Name(String),
    /// Models by file: a folder, a file, or a glob, relative to the project.
    Path(String),
    /// Models by a word in their header.
    Tag(String),
    /// Models whose file differs from this revision.
    Modified(String),
}

/// One word: `2+name`, `path:sql/marts`, `state:modified+`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    /// As written.
    text: String,
    upstream: Reach,
    method: Method,
    downstream: Reach,
}

/// The models that the words of `include` choose, without those of `exclude`; all where there is no word at all.
///
/// # Errors
/// A word that cannot be read or names nothing, with the nearest that would; and a choice that leaves nothing.
pub fn select(
    graph: &Graph<'_>,
    models: &Models,
    root: &Path,
    include: &[String],
    exclude: &[String],
) -> Result<Option<BTreeSet<String>>> {
    let (include, exclude) = (parse_all(include)?, parse_all(exclude)?);
    if include.is_empty() && exclude.is_empty() {
        return Ok(None);
    }
    let mut chosen: BTreeSet<String> = BTreeSet::new();
    if include.is_empty() {
        chosen.extend(models.models.keys().cloned());
    }
    let mut unmodified = Vec::new();
    for selector in &include {
        let named = selector.named(models, root)?;
        match (named.is_empty(), &selector.method) {
            (true, Method::Modified(revision)) => unmodified.push((selector, revision)),
            (true, _) => fail!("{}", selector.names_nothing(models, root)),
            (false, _) => chosen.extend(selector.reach(&named, graph)),
        }
    }
    // Beside other words, that nothing is modified is no mistake.
    if let (true, Some((selector, revision))) = (chosen.is_empty(), unmodified.first()) {
        fail!("{} selects nothing: no model differs from {revision}", selector.text);
    }
    for selector in &exclude {
        let named = selector.named(models, root)?;
        if named.is_empty() && !matches!(selector.method, Method::Modified(_)) {
            fail!("--exclude {}", selector.names_nothing(models, root));
        }
        for name in selector.reach(&named, graph) {
            chosen.remove(&name);
        }
    }
    if chosen.is_empty() {
        let words: Vec<&str> = exclude.iter().map(|selector| selector.text.as_str()).collect();
        fail!("nothing is selected: --exclude {} takes away every model that was chosen", words.join(" "));
    }
    Ok(Some(chosen))
}

fn parse_all(words: &[String]) -> Result<Vec<Selector>> {
    let words = words.iter().flat_map(|word| word.split([',', ' '])).filter(|word| !word.is_empty());
    words.map(Selector::parse).collect()
}

impl Selector {
    fn parse(text: &str) -> Result<Self> {
        let is_count = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let reach = |count: &str| match count {
            "" => Reach::All,
            count => count.parse().map_or(Reach::All, Reach::Steps),
        };
        let (upstream, rest) = match text.split_once('+') {
            Some((count, rest)) if is_count(count) => (reach(count), rest),
            _ => (Reach::None, text),
        };
        let (rest, downstream) = match rest.rsplit_once('+') {
            Some((rest, count)) if is_count(count) => (rest, reach(count)),
            _ => (rest, Reach::None),
        };
        let method = match rest.split_once(':') {
            Some(("path", path)) => Method::Path(path.to_owned()),
            Some(("tag", tag)) => Method::Tag(tag.to_owned()),
            Some(("state", "modified")) => Method::Modified("HEAD".to_owned()),
            Some(("state", state)) => match state.strip_prefix("modified:") {
                Some(revision) => Method::Modified(revision.to_owned()),
                None => fail!("{text}: the only state is `state:modified`, or `state:modified:REVISION` of git"),
            },
            Some((method, _)) => {
                let nearest = toml_file::nearest(method, ["path", "tag", "state"]);
                let advice = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}:`?"));
                fail!("{text}: `{method}:` is no way to select; there are `path:`, `tag:` and `state:`{advice}")
            }
            // As a shell completes it.
            None if rest.contains('/') || rest.ends_with(".sql") => Method::Path(rest.to_owned()),
            None => Method::Name(rest.to_owned()),
        };
        let (Method::Name(word) | Method::Path(word) | Method::Tag(word) | Method::Modified(word)) = &method;
        if word.is_empty() {
            fail!("`{text}` names no model; write a name, `path:sql/marts`, `tag:word` or `state:modified`");
        }
        if let Method::Name(pattern) | Method::Path(pattern) = &method
            && let Err(error) = Pattern::new(pattern)
        {
            fail!("{text}: {pattern} is not a pattern: {error}");
        }
        Ok(Self { text: text.to_owned(), upstream, method, downstream })
    }

    /// The models that the word names by itself.
    fn named(&self, models: &Models, root: &Path) -> Result<BTreeSet<String>> {
        let all = models.models.values();
        let names: BTreeSet<String> = match &self.method {
            Method::Name(pattern) => {
                let pattern = Pattern::new(pattern)?;
                all.filter(|model| pattern.matches(&model.name)).map(|model| model.name.clone()).collect()
            }
            Method::Path(pattern) => {
                // Also as `./sql/marts/`.
                let plain = pattern.trim_start_matches("./").trim_end_matches('/');
                let pattern = Pattern::new(plain)?;
                let is_in = |path: &Path| path.ancestors().any(|part| pattern.matches(&part.to_string_lossy()));
                let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
                all.filter(|model| is_in(&relative(&model.path))).map(|model| model.name.clone()).collect()
            }
            Method::Tag(tag) => all.filter(|model| model.tags.contains(tag)).map(|model| model.name.clone()).collect(),
            Method::Modified(revision) => {
                let files = modified(root, revision)?;
                all.filter(|model| files.contains(&model.path)).map(|model| model.name.clone()).collect()
            }
        };
        Ok(names)
    }

    /// With what they read and what reads them, as far as the word says.
    fn reach(&self, named: &BTreeSet<String>, graph: &Graph<'_>) -> BTreeSet<String> {
        let read_by = |name: &str| -> Vec<String> {
            let readers = graph.nodes.iter().filter(|node| node.models.iter().any(|read| read == name));
            readers.map(|node| node.model.name.clone()).collect()
        };
        let reads = |name: &str| graph.get(name).map(|node| node.models.clone()).unwrap_or_default();
        let mut reached = follow(named, self.upstream, reads);
        reached.extend(follow(named, self.downstream, read_by));
        reached
    }

    fn names_nothing(&self, models: &Models, root: &Path) -> String {
        let (what, word, known): (&str, &str, Vec<String>) = match &self.method {
            Method::Name(name) => ("no model has this name", name, models.models.keys().cloned().collect()),
            Method::Path(path) => {
                let mut known = BTreeSet::new();
                for model in models.models.values() {
                    let path = model.path.strip_prefix(root).unwrap_or(&model.path);
                    let parts = path.ancestors().map(|part| part.to_string_lossy().into_owned());
                    known.extend(parts.filter(|part| !part.is_empty()));
                }
                ("no model lies there", path, known.into_iter().collect())
            }
            Method::Tag(tag) => {
                let tags: BTreeSet<String> = models.models.values().flat_map(|model| model.tags.clone()).collect();
                ("no model has this tag", tag, tags.into_iter().collect())
            }
            Method::Modified(revision) => ("no model differs from that revision", revision, Vec::new()),
        };
        let nearest = toml_file::nearest(word, known.iter().map(String::as_str));
        let advice = match (nearest, &self.method) {
            (Some(nearest), _) => format!("; did you mean {nearest}?"),
            (None, Method::Tag(_)) if known.is_empty() => "; a model gets one by a line `-- tags: word`".to_owned(),
            _ => "; `salesmart ls` lists the models".to_owned(),
        };
        format!("{} selects nothing: {what}{advice}", self.text)
    }
}

/// The names and what is reached from them.
fn follow(from: &BTreeSet<String>, reach: Reach, next: impl Fn(&str) -> Vec<String>) -> BTreeSet<String> {
    let mut reached = from.clone();
    let mut frontier = from.clone();
    let mut steps = 0;
    while !frontier.is_empty() {
        match reach {
            Reach::Steps(limit) if steps == limit => break,
            Reach::None => break,
            _ => steps += 1,
        }
        frontier = frontier.iter().flat_map(|name| next(name)).filter(|name| reached.insert(name.clone())).collect();
    }
    reached
}

/// The files under `sql` that differ from a revision, and those that git does not know yet.
fn modified(root: &Path, revision: &str) -> Result<BTreeSet<PathBuf>> {
    git(root, &["rev-parse", "--git-dir"])?;
    let commit = format!("{revision}^{{commit}}");
    if git(root, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]).is_err() {
        fail!("state:modified: git knows no commit {revision} in {}", root.display());
    }
    let changed = git(root, &["diff", "--name-only", "--no-renames", "--relative", "-z", revision, "--", "sql"])?;
    let new = git(root, &["ls-files", "--others", "--exclude-standard", "-z", "--", "sql"])?;
    let files = [changed, new].concat();
    Ok(files.split('\0').filter(|file| !file.is_empty()).map(|file| root.join(file)).collect())
}

fn git(root: &Path, args: &[&str]) -> Result<String> {
    let output = match Command::new("git").arg("-C").arg(root).args(args).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fail!("state:modified asks git, and there is no program `git` on the PATH")
        }
        Err(error) => fail!("state:modified asks git, which cannot be run: {error}"),
    };
    if !output.status.success() {
        fail!("state:modified asks git, which says: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        let read = |text: &str| {
            let selector = Selector::parse(text).unwrap();
            (selector.upstream, selector.method, selector.downstream)
        };
        let name = |name: &str| Method::Name(name.to_owned());
        assert_eq!(read("a"), (Reach::None, name("a"), Reach::None));
        assert_eq!(read("+a"), (Reach::All, name("a"), Reach::None));
        assert_eq!(read("a+"), (Reach::None, name("a"), Reach::All));
        assert_eq!(read("2+a1+3"), (Reach::Steps(2), name("a1"), Reach::Steps(3)));
        assert_eq!(read("dim_*"), (Reach::None, name("dim_*"), Reach::None));
        assert_eq!(read("sql/marts/"), (Reach::None, Method::Path("sql/marts/".to_owned()), Reach::None));
        assert_eq!(read("+tag:daily"), (Reach::All, Method::Tag("daily".to_owned()), Reach::None));
        assert_eq!(read("state:modified+"), (Reach::None, Method::Modified("HEAD".to_owned()), Reach::All));
        assert_eq!(read("state:modified:main+1"), (Reach::None, Method::Modified("main".to_owned()), Reach::Steps(1)));
        for wrong in ["+", "tag:", "state:new", "colour:red", "a[", "3+"] {
            assert!(Selector::parse(wrong).is_err(), "{wrong}");
        }
    }
}
