//! What the warehouse's migrations say about tables and columns: `comment on column mart.x.y is '…'`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

/// Comments by name: `mart.x` of a table, `mart.x.y` of a column.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comments(BTreeMap<String, String>);

impl Comments {
    /// Reads a folder of migrations; later ones win.
    pub fn load(folder: &Path) -> Result<Self> {
        let mut files: Vec<(u64, std::path::PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let number = stem.trim_start_matches(['V', 'U']).split("__").next().and_then(|number| number.parse().ok());
            if let (Some(number), true) = (number, path.extension().is_some_and(|extension| extension == "sql")) {
                files.push((number, path));
            }
        }
        files.sort();
        let mut comments = Self::default();
        for (_, path) in files {
            comments.read(&std::fs::read_to_string(path)?);
        }
        Ok(comments)
    }

    /// The comment of a mart's column.
    pub fn of_column(&self, mart: &str, column: &str) -> Option<&str> {
        self.0.get(&format!("mart.{mart}.{}", column.to_ascii_lowercase())).map(String::as_str)
    }

    fn read(&mut self, sql: &str) {
        let tokens = tokens(sql);
        let word = |index: usize| match tokens.get(index) {
            Some(Token::Name(word)) => Some(word.as_str()),
            _ => None,
        };
        for start in 0..tokens.len() {
            let is_comment = word(start) == Some("comment") && word(start + 1) == Some("on");
            if !is_comment || !matches!(word(start + 2), Some("table" | "column")) {
                continue;
            }
            let mut index = start + 3;
            let mut name = word(index).unwrap_or_default().to_owned();
            while let (Some(Token::Dot), Some(part)) = (tokens.get(index + 1), word(index + 2)) {
                name = format!("{name}.{part}");
                index += 2;
            }
            match (word(index + 1), tokens.get(index + 2)) {
                (Some("is"), Some(Token::Text(text))) => {
                    self.0.insert(name, text.clone());
                }
                (Some("is"), Some(Token::Name(null))) if null == "null" => {
                    self.0.remove(&name);
                }
                _ => {}
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word in lower case, or a quoted name as it is.
    Name(String),
    Text(String),
    Dot,
    Other,
}

/// As much of PostgreSQL's grammar as comments need: names, texts, and what may hide them.
fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => {
                let (text, length) = quoted(rest, first);
                (Some(if first == '"' { Token::Name(text) } else { Token::Text(text) }), length)
            }
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            '$' => match dollar_quoted(rest) {
                Some((text, length)) => (Some(Token::Text(text)), length),
                None => (Some(Token::Other), 1),
            },
            '.' => (Some(Token::Dot), 1),
            c if c.is_whitespace() => (None, c.len_utf8()),
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (Some(Token::Name(rest[..end].to_lowercase())), end)
            }
            c => (Some(Token::Other), c.len_utf8()),
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

/// A text in quotes that are doubled inside, and its length with them.
fn quoted(sql: &str, quote: char) -> (String, usize) {
    let mut text = String::new();
    let mut chars = sql.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            if chars.peek().is_none_or(|(_, next)| *next != quote) {
                return (text, at + 1);
            }
            chars.next();
        }
        text.push(c);
    }
    (text, sql.len())
}

/// `$$ … $$` or `$tag$ … $tag$`.
fn dollar_quoted(sql: &str) -> Option<(String, usize)> {
    let tag_length = sql[1..].find('$')? + 2;
    let tag = &sql[..tag_length];
    let is_tag = tag[1..tag_length - 1].chars().all(|c| c.is_alphanumeric() || c == '_');
    let end = sql[tag_length..].find(tag).filter(|_| is_tag)?;
    Some((sql[tag_length..tag_length + end].to_owned(), tag_length + end + tag_length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found_and_what_looks_like_one_is_not() {
        let mut comments = Comments::default();
        comments.read(
            "-- comment on column mart.a.x is 'no';\n/* comment on column mart.a.x is 'no' */\n\
             COMMENT ON COLUMN mart.a.b IS 'it''s; here';\ncomment on column mart . \"a\".c\n  is 'two\nlines';\n\
             do $body$ comment on column mart.a.x is 'no' $body$;\nselect 'comment on column mart.a.x is ''no''';\n\
             comment on table mart.a is 'Table';\ncomment on column mart.a.d is 'old'; comment on column mart.a.d is null;",
        );
        let expected = [("mart.a", "Table"), ("mart.a.b", "it's; here"), ("mart.a.c", "two\nlines")];
        let found: Vec<(&str, &str)> = comments.0.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(comments.of_column("a", "B"), Some("it's; here"));
    }
}
