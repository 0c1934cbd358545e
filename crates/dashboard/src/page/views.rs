//! Named views: states of pages that a file gives names to.

use std::path::Path;
use std::sync::{Arc, Mutex};

use salesmart_base::file_version::{self, FileVersion};
use serde::Deserialize;

use crate::content::{Page, Wanted};

/// The views of the file as it was read last.
#[derive(Debug, Default, PartialEq)]
pub struct Views {
    /// Differs whenever the views do.
    pub tag: String,
    /// In the order of the file.
    pub views: Vec<View>,
    /// Why the file cannot be read.
    pub error: Option<String>,
    is_kept: bool,
}

/// A named state.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    pub name: String,
    /// The roles restricted to some regions that see it. Roles that see all regions see every view.
    pub roles: Vec<String>,
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
    #[serde(default)]
    roles: Vec<String>,
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

    /// The views that a role restricted to some regions sees: those that name it. A view's name and filter may tell of other regions, and so
    /// may the error of a file that cannot be read.
    pub fn of_restricted(&self, role: Option<&str>) -> Self {
        let names_role = |view: &&View| view.roles.iter().any(|name| Some(name.as_str()) == role);
        Self {
            tag: self.tag.clone(),
            views: self.views.iter().filter(names_role).cloned().collect(),
            error: None,
            is_kept: self.is_kept,
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
        View { name: self.name, roles: self.roles, leads }
    }
}

/// Keeps what was read until the file changes.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Option<(Option<FileVersion>, Arc<Views>)>>);

impl Shelf {
    /// The views of this file. One that is not there holds none; one that cannot be read says why.
    pub fn views(&self, file: Option<&Path>) -> Arc<Views> {
        let Some(file) = file else { return Arc::default() };
        let version = FileVersion::of(file);
        let Ok(mut kept) = self.0.lock() else { return Arc::default() };
        if let Some((known, views)) = &*kept
            && *known == version
        {
            return Arc::clone(views);
        }
        let mut views = match file_version::read_file(file) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_a_page_with_a_query() {
        let views = Views::parse(
            "[[view]]\nname = \"North\"\npage = \"regions\"\nquery = \"?region=North\"\n[[view]]\nname = \"All\"\npage = \"overview\"",
        );
        assert_eq!(views.error, None);
        let leads: Vec<(&str, String)> =
            views.views.iter().map(|view| (view.name.as_str(), view.leads.as_ref().unwrap().query())).collect();
        assert_eq!(leads, [("North", "region=North".to_owned()), ("All", String::new())]);
    }

    #[test]
    fn what_is_wrong_with_a_view_is_said_beside_it_and_the_others_work() {
        let text = "[[view]]\nname = \"A\"\npage = \"overview\"\nquery = \"colour=red\"\n\
                    [[view]]\nname = \"B\"\npage = \"sales\"\n[[view]]\nname = \"C\"\npage = \"quality\"\n";
        let leads: Vec<Result<Wanted, String>> = Views::parse(text).views.into_iter().map(|view| view.leads).collect();
        assert!(leads[0].as_ref().unwrap_err().starts_with("colour: there is no such parameter"));
        assert!(leads[1].as_ref().unwrap_err().starts_with("page: it is one of overview"));
        assert_eq!(leads[2], Ok(Wanted::page(Page::Quality)));
    }

    #[test]
    fn a_file_that_is_none_says_where() {
        let error = Views::parse("[[view]]\nname = \"A\"\npage overview\n").error.unwrap();
        assert!(error.contains("line 3"), "{error}");
        let error = Views::parse("[[view]]\nname = \"A\"\npage = \"overview\"\ncolor = \"red\"\n").error.unwrap();
        assert!(error.contains("color"), "{error}");
    }

    #[test]
    fn a_file_is_read_again_when_it_changes() {
        let file = std::env::temp_dir().join(format!("salesmart-views-{}.toml", std::process::id()));
        let shelf = Shelf::default();
        let names = || -> Vec<String> { shelf.views(Some(&file)).views.iter().map(|view| view.name.clone()).collect() };
        assert!(names().is_empty() && shelf.views(Some(&file)).is_kept() && !shelf.views(None).is_kept());
        let one = "[[view]]\nname = \"One\"\npage = \"overview\"\n";
        std::fs::write(&file, one).unwrap();
        assert_eq!(names(), ["One"]);
        let before = shelf.views(Some(&file));
        assert!(Arc::ptr_eq(&before, &shelf.views(Some(&file))), "read twice");
        std::fs::write(&file, format!("{one}{}", one.replace("One", "Two"))).unwrap();
        assert_eq!(names(), ["One", "Two"]);
        assert_ne!(before.tag, shelf.views(Some(&file)).tag);
        std::fs::remove_file(&file).unwrap();
        assert!(names().is_empty());
    }
}
