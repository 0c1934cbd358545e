//! Named views: states of pages that a file gives names to.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use serde::Deserialize;

use crate::content::{Page, Wanted};

/// The views of the file as it was read last.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Views {
    /// Differs whenever the views do.
    pub tag: String,
    /// In the order of the file.
    pub views: Vec<View>,
    /// Why the file cannot be read.
    pub error: Option<String>,
    is_kept: bool,
}

/// A named state.
#[derive(Debug, PartialEq)]
pub(super) struct View {
    pub name: String,
    /// The state, or what is wrong with it.
    pub leads: Result<Wanted, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "view")]
    views: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    page: String,
    #[serde(default)]
    query: String,
}

impl Views {
    /// Does the project keep views at all?
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// From the text of the file.
    fn parse(text: &str) -> Self {
        let read: Result<File, _> = toml::from_str(text);
        match read {
            Ok(file) => {
                Self { views: file.views.into_iter().map(Entry::view).collect(), is_kept: true, ..Self::default() }
            }
            Err(error) => {
                let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                let place = line.map_or_else(String::new, |line| format!(", line {line}"));
                Self::broken(format!("The file of views is not valid{place}: {}", error.message()))
            }
        }
    }

    fn broken(error: String) -> Self {
        Self { error: Some(error), is_kept: true, ..Self::default() }
    }
}

impl Entry {
    fn view(self) -> View {
        let leads = match Page::named(&self.page) {
            None => {
                let known: Vec<&str> = Page::ALL.into_iter().map(Page::name).collect();
                Err(format!("page: it is one of {}", known.join(", ")))
            }
            Some(page) => {
                let query = self.query.trim_start_matches('?');
                Wanted::parse(page, Some(query)).map_err(|invalid| invalid.to_string())
            }
        };
        View { name: self.name, leads }
    }
}

/// Which state of the file was read: when it was changed, and how long it was.
type Version = Option<(Option<SystemTime>, u64)>;

/// Keeps what was read until the file changes.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Option<(Version, Arc<Views>)>>);

impl Shelf {
    /// The views of this file. One that is not there holds none; one that cannot be read says why.
    pub fn views(&self, file: Option<&Path>) -> Arc<Views> {
        let Some(file) = file else { return Arc::default() };
        let version = std::fs::metadata(file).ok().map(|about| (about.modified().ok(), about.len()));
        let Ok(mut kept) = self.0.lock() else { return Arc::default() };
        if let Some((known, views)) = &*kept
            && *known == version
        {
            return Arc::clone(views);
        }
        let mut views = match std::fs::read_to_string(file) {
            Ok(text) => Views::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Views { is_kept: true, ..Views::default() },
            Err(error) => Views::broken(format!("The file of views cannot be read: {error}")),
        };
        views.tag = format!("{version:?}");
        let views = Arc::new(views);
        *kept = Some((version, Arc::clone(&views)));
        views
    }
}
