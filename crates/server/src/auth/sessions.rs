//! Who is logged in. Kept in memory: a restart logs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{fingerprint, new_secret};

/// How long a login lasts.
pub(crate) const LASTS: Duration = Duration::from_secs(12 * 60 * 60);
/// The most sessions at once; the one that ends next gives way.
const MOST: usize = 10_000;

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// The login's name.
    pub user: String,
    /// Fingerprint of the password's hash: another password ends it.
    pub password: String,
}

/// Sessions by the fingerprint of their secret, so that a dump of memory opens none.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, (Instant, Session)>>);

impl Sessions {
    /// The secret of a new session.
    pub(crate) fn open(&self, session: Session) -> Result<String> {
        let secret = new_secret()?;
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, (until, _)| *until > Instant::now());
        if sessions.len() >= MOST
            && let Some(next) = sessions.iter().min_by_key(|(_, (until, _))| *until).map(|(key, _)| key.clone())
        {
            sessions.remove(&next);
        }
        sessions.insert(fingerprint(&secret), (Instant::now() + LASTS, session));
        Ok(secret)
    }

    /// The session of a secret.
    pub(crate) fn of(&self, secret: &str) -> Option<Session> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions
            .get(&fingerprint(secret))
            .filter(|(until, _)| *until > Instant::now())
            .map(|(_, session)| session.clone())
    }

    /// Ends a session.
    pub(crate) fn close(&self, secret: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&fingerprint(secret));
    }
}
