//! Who may come in: nobody is asked, or logins and tokens from a file.

mod attempts;
mod passwords;
mod proxies;
mod sessions;
mod users;
mod viewer;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Result;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use rand::TryRngCore;
use salesmart_metrics::source::Scope;
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use attempts::Attempts;
use passwords::PasswordChecks;
use proxies::Proxies;
use sessions::Sessions;
use users::UsersFile;

pub(crate) use sessions::LASTS;
pub use users::hash_password;
pub use viewer::Viewer;

/// The name of the session's cookie.
pub(crate) const COOKIE: &str = "salesmart";

/// Who may come in.
pub enum Access {
    /// Everybody who reaches this machine's own interface, and sees everything.
    Open,
    /// Who has a login or a token.
    Users(Box<Known>),
}

/// Logins and tokens, and who is logged in.
pub struct Known {
    pub(crate) users: UsersFile,
    pub(crate) sessions: Sessions,
    pub(crate) attempts: Attempts,
    pub(crate) passwords: PasswordChecks,
    pub(crate) proxies: Proxies,
}

impl Access {
    /// Logins and tokens from this file; it is read again whenever it changes. Proxies in these networks name the client's address.
    ///
    /// # Errors
    /// The file is not there or is wrong; says where.
    pub fn users(path: PathBuf, trusted_proxies: Vec<IpNet>) -> Result<Self> {
        Ok(Self::Users(Box::new(Known {
            users: UsersFile::open(path)?,
            sessions: Sessions::default(),
            attempts: Attempts::default(),
            passwords: PasswordChecks::default(),
            proxies: Proxies::new(trusted_proxies),
        })))
    }

    /// Is anybody kept to some of the regions?
    pub fn keeps_regions_apart(&self) -> bool {
        match self {
            Self::Open => false,
            Self::Users(known) => known.users.current().keeps_regions_apart(),
        }
    }

    /// Must somebody log in?
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }

    /// Who sends these headers.
    pub(crate) fn viewer(&self, headers: &HeaderMap) -> Result<Viewer, Problem> {
        let known = match self {
            Self::Open => {
                return if is_local(headers) {
                    Ok(Viewer::new(None, Scope::Everything))
                } else {
                    Err(Problem::WrongHost)
                };
            }
            Self::Users(known) => known,
        };
        let users = known.users.current();
        if let Some(token) = bearer(headers) {
            return users.by_token(token).ok_or(Problem::Unauthorized);
        }
        let session = cookie(headers).and_then(|id| known.sessions.of(id)).ok_or(Problem::Unauthorized)?;
        users.by_session(&session).ok_or(Problem::Unauthorized)
    }
}

/// A page of another site may have its name point to this machine, and so read what only this machine should: it would send
/// its own name as the host.
fn is_local(headers: &HeaderMap) -> bool {
    if headers.get_all(header::HOST).iter().count() > 1 {
        return false;
    }
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// 256 bits that nobody can guess, in hexadecimal.
///
/// # Errors
/// The system has no random numbers to give.
pub fn new_secret() -> Result<String> {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}

/// What is kept of a secret that has enough bits of its own.
pub fn fingerprint(secret: &str) -> String {
    hexadecimal(&Sha256::digest(secret.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn without_logins_only_this_machine_s_names_are_answered() {
        for (host, is_answered) in [
            ("localhost:8080", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("app.localhost", true),
            ("evil.example:8080", false),
            ("192.168.0.7", false),
            ("127.0.0.1.evil.example", false),
        ] {
            let viewer = Access::Open.viewer(&headers(&[(header::HOST, host)]));
            assert_eq!(viewer.is_ok(), is_answered, "{host}");
        }
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let all = headers(&[(header::COOKIE, "a=1; salesmartx=2; salesmart=abc; b=3")]);
        assert_eq!(cookie(&all), Some("abc"));
        assert_eq!(bearer(&headers(&[(header::AUTHORIZATION, "bearer t0ken")])), Some("t0ken"));
        assert_eq!(bearer(&headers(&[(header::AUTHORIZATION, "Basic t0ken")])), None);
    }
}
