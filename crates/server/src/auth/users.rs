//! The file of logins, tokens and roles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use salesmart_metrics::source::Scope;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::fingerprint;
use super::sessions::Session;
use super::viewer::Viewer;

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Users {
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    #[serde(default)]
    users: BTreeMap<String, User>,
    #[serde(default)]
    tokens: BTreeMap<String, Token>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    regions: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    password: String,
    role: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    sha256: String,
    role: String,
}

/// The file, read again when it changes. A change that is wrong is logged and does not count.
pub(crate) struct UsersFile {
    path: PathBuf,
    read: Mutex<(Option<SystemTime>, Arc<Users>)>,
}

impl UsersFile {
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let read = (changed(&path), Arc::new(Users::read(&path)?));
        Ok(Self { path, read: Mutex::new(read) })
    }

    pub(crate) fn current(&self) -> Arc<Users> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = changed(&self.path);
        if read.0 != now {
            match Users::read(&self.path) {
                Ok(users) => read.1 = Arc::new(users),
                Err(error) => tracing::error!("the logins stay as they were: {error:#}"),
            }
            read.0 = now;
        }
        Arc::clone(&read.1)
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

impl Users {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        // Of a wrong line only its place is told: it may hold a password that somebody forgot to hash.
        let users: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            anyhow!("line {line}: {}", error.message())
        })?;
        let of_role = users.users.iter().map(|(name, user)| ("users", name, &user.role));
        for (kind, name, role) in of_role.chain(users.tokens.iter().map(|(name, token)| ("tokens", name, &token.role)))
        {
            if !users.roles.contains_key(role) {
                bail!("{kind}.{name} has the role `{role}`, which is not there; add a section [roles.{role}]");
            }
        }
        for (name, user) in &users.users {
            if PasswordHash::new(&user.password).is_err() || !user.password.starts_with("$argon2id$") {
                bail!("users.{name}.password is not a hash that `salesmart serve --hash-password` wrote");
            }
        }
        for (name, token) in &users.tokens {
            if token.sha256.len() != 64 || !token.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                bail!("tokens.{name}.sha256 is not what `salesmart serve --new-token` wrote");
            }
        }
        if users.users.is_empty() && users.tokens.is_empty() {
            bail!("there is neither a login nor a token in it");
        }
        Ok(users)
    }

    pub(crate) fn keeps_regions_apart(&self) -> bool {
        self.roles.values().any(|role| role.regions.is_some())
    }

    pub(crate) fn by_token(&self, token: &str) -> Option<Viewer> {
        let sent = fingerprint(token);
        // All are compared, whether or not one was found.
        let found = self.tokens.iter().fold(None, |found, (name, known)| {
            if bool::from(known.sha256.as_bytes().ct_eq(sent.as_bytes())) { Some((name, known)) } else { found }
        });
        found.map(|(name, token)| self.viewer(name, &token.role))
    }

    /// The login of a session, if it is still there and has the same password.
    pub(crate) fn by_session(&self, session: &Session) -> Option<Viewer> {
        let user = self.users.get(&session.user)?;
        (fingerprint(&user.password) == session.password).then(|| self.viewer(&session.user, &user.role))
    }

    /// What a session of this login is bound to. Takes as long for a login that is not there: nobody learns from the time which are.
    pub(crate) fn log_in(&self, name: &str, password: &str) -> Option<Session> {
        let user = self.users.get(name);
        let hash = user.map_or(NOBODY, |user| user.password.as_str());
        let is_right = PasswordHash::new(hash)
            .is_ok_and(|hash| hasher().is_ok_and(|hasher| hasher.verify_password(password.as_bytes(), &hash).is_ok()));
        let user = user.filter(|_| is_right)?;
        Some(Session { user: name.to_owned(), password: fingerprint(&user.password) })
    }

    fn viewer(&self, name: &str, role: &str) -> Viewer {
        let regions = self.roles.get(role).and_then(|role| role.regions.clone());
        let scope = match regions {
            None => Scope::Everything,
            Some(mut regions) => {
                regions.sort();
                regions.dedup();
                Scope::Regions(regions.into())
            }
        };
        Viewer::new(Some(name.to_owned()), scope)
    }
}

/// The hash of no password, of the same cost as real ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsZXNtYXJ0c2FsZXM$Cp3Jm0ynLk1bS0BzT2mS2rXb0q8Sx5Qm2v1nQ0y7c4E";

/// OWASP's parameters: 19 MiB, two passes.
fn hasher() -> Result<Argon2<'static>> {
    let params = Params::new(19_456, 2, 1, None).map_err(|error| anyhow!("{error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password, for the file of logins.
///
/// # Errors
/// A password of fewer than eight characters.
pub fn hash_password(password: &str) -> Result<String> {
    if password.chars().count() < 8 {
        bail!("a password has at least eight characters");
    }
    let salt = SaltString::generate(&mut OsRng);
    let hash = hasher()?.hash_password(password.as_bytes(), &salt).map_err(|error| anyhow!("{error}"))?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        let hash = hash_password("correct horse").unwrap();
        let token = fingerprint("t0ken");
        let text = format!(
            "[roles.all]\n[roles.north]\nregions = [\"North\", \"East\"]\n[users.anna]\npassword = \"{hash}\"\nrole = \"north\"\n\
             [tokens.bi]\nsha256 = \"{token}\"\nrole = \"all\"\n"
        );
        Users::parse(&text).unwrap()
    }

    #[test]
    fn logins_and_tokens_have_the_scope_of_their_role() {
        let users = users();
        assert!(users.log_in("anna", "wrong horse").is_none());
        assert!(users.log_in("bert", "correct horse").is_none());
        let session = users.log_in("anna", "correct horse").unwrap();
        let anna = users.by_session(&session).unwrap();
        assert_eq!(anna.scope(), &Scope::Regions(["East".to_owned(), "North".to_owned()].into()));
        assert_eq!(users.by_token("t0ken").unwrap().scope(), &Scope::Everything);
        assert!(users.by_token("token").is_none());
        assert!(users.keeps_regions_apart());
    }

    #[test]
    fn a_new_password_ends_sessions() {
        let session = users().log_in("anna", "correct horse").unwrap();
        // The same password has another salt here.
        assert!(users().by_session(&session).is_none());
    }

    #[test]
    fn the_hash_of_nobody_costs_what_others_cost() {
        let [nobody, somebody] = [NOBODY.to_owned(), hash_password("correct horse").unwrap()].map(|hash| {
            PasswordHash::new(&hash).map(|hash| (hash.params.to_string(), hash.hash.unwrap().len())).unwrap()
        });
        assert_eq!(nobody, somebody);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_without_its_content() {
        for (text, said) in [
            ("[users.a]\npassword = \"secret\"\nrole = \"x\"\n", "the role `x`"),
            ("[roles.x]\n[users.a]\npassword = \"secret\"\nrole = \"x\"\n", "users.a.password is not a hash"),
            ("[roles.x]\n[users.a]\npassword = secret\n", "line 3"),
            ("[roles.x]\n[tokens.a]\nsha256 = \"12\"\nrole = \"x\"", "tokens.a.sha256"),
            ("[roles.x]\n", "neither a login nor a token"),
        ] {
            let error = format!("{:#}", Users::parse(text).unwrap_err());
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
    }
}
