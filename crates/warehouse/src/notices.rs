//! What the server remarks while it does what it was told: the warnings of migrations, above all.

use std::sync::{Arc, Mutex, PoisonError};

use postgres::error::{DbError, Severity, SqlState};

/// Remarks beyond this number are dropped; nobody reads them.
const MOST: usize = 100;

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Text, and the hint if there is one.
    pub text: String,
    /// A warning, rather than a mere note.
    pub is_warning: bool,
}

/// The remarks of all connections of a warehouse, until they are taken.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<Mutex<Vec<Notice>>>);

impl Notices {
    /// Takes what was remarked so far.
    pub fn take(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps warnings, and notes that a `raise notice` wrote; PostgreSQL's own notes are about what is there already.
    pub(crate) fn keep(&self, said: &DbError) {
        let is_warning = said.parsed_severity() == Some(Severity::Warning);
        let is_raised =
            said.parsed_severity() == Some(Severity::Notice) && *said.code() == SqlState::SUCCESSFUL_COMPLETION;
        if !is_warning && !is_raised {
            return;
        }
        let hint = said.hint().map_or_else(String::new, |hint| format!(" ({hint})"));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(Notice { text: format!("{}{hint}", said.message()), is_warning });
        }
    }
}
