//! The file of logins, tokens and roles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use salesmart_base::file_version::{self, FileVersion};
use salesmart_metrics::source::Scope;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::sessions::Session;
use super::viewer::Viewer;
use super::{fingerprint, passwords};

/// What the file says.
#[derive(Debug, Default, Deserialize)]
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
    /// Required, but optional here for a clear error. Without a restriction it is `"all"`: a missing line must never mean that.
    regions: Option<Regions>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "regions are \"all\" or a list of names such as [\"North\"]")]
enum Regions {
    All(All),
    Named(Vec<String>),
}

#[derive(Debug, Deserialize)]
enum All {
    #[serde(rename = "all")]
    All,
}

impl Role {
    fn scope(&self) -> Scope {
        match &self.regions {
            Some(Regions::All(All::All)) => Scope::Everything,
            Some(Regions::Named(names)) => {
                let mut names = names.clone();
                names.sort();
                names.dedup();
                Scope::Regions(names.into())
            }
            None => Scope::Regions(Arc::default()),
        }
    }

    /// Describes what is wrong with a role.
    fn fault(&self) -> Option<&'static str> {
        match &self.regions {
            None => Some("has no regions; write regions = \"all\", or list the regions that it may see"),
            Some(Regions::Named(names)) if names.is_empty() => {
                Some("has an empty list of regions; list those that it may see, or write regions = \"all\"")
            }
            Some(Regions::Named(names)) if names.iter().any(|name| name.trim().is_empty()) => {
                Some("has a region with an empty name; remove it from the list")
            }
            // The names go into one PostgreSQL setting, separated by a control character.
            Some(Regions::Named(names)) if names.iter().any(|name| name.contains(char::is_control)) => {
                Some("has a region with a control character in its name")
            }
            Some(_) => None,
        }
    }
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

/// The file, read again when it changes. A change that is wrong is logged and does not count; without the file nobody comes in.
pub(crate) struct UsersFile {
    path: PathBuf,
    read: Mutex<(Option<FileVersion>, Arc<Users>)>,
}

impl UsersFile {
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let read = (FileVersion::of(&path), Arc::new(Users::read(&path)?));
        Ok(Self { path, read: Mutex::new(read) })
    }

    pub(crate) fn current(&self) -> Arc<Users> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = FileVersion::of(&self.path);
        if read.0 != now {
            match Users::read(&self.path) {
                Ok(users) => read.1 = Arc::new(users),
                Err(error) if now.is_none() => {
                    tracing::error!("nobody can log in: {error:#}");
                    read.1 = Arc::new(Users::default());
                }
                Err(error) => tracing::error!("the logins stay as they were: {error:#}"),
            }
            read.0 = now;
        }
        Arc::clone(&read.1)
    }
}

impl Users {
    fn read(path: &Path) -> Result<Self> {
        let text = file_version::read_file(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        // Of a wrong line only its place is told: it may hold a password that somebody forgot to hash.
        let users: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            anyhow!("line {line}: {}", error.message())
        })?;
        for (name, role) in &users.roles {
            if let Some(fault) = role.fault() {
                bail!("roles.{name} {fault}");
            }
        }
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
        let names = users.roles.keys().chain(users.users.keys()).chain(users.tokens.keys());
        if names.into_iter().any(|name| name.trim().is_empty()) {
            bail!("a role, a login or a token has an empty name");
        }
        let mut owners = BTreeMap::new();
        for (name, token) in &users.tokens {
            if let Some(other) = owners.insert(&token.sha256, name) {
                bail!(
                    "tokens.{other} and tokens.{name} are the same token; make one for each with `salesmart serve --new-token`"
                );
            }
        }
        if users.users.is_empty() && users.tokens.is_empty() {
            bail!("there is neither a login nor a token in it");
        }
        Ok(users)
    }

    pub(crate) fn keeps_regions_apart(&self) -> bool {
        self.roles.values().any(|role| role.scope() != Scope::Everything)
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
    pub(super) fn log_in(&self, name: &str, password: &str, blocks: &mut Vec<Block>) -> Option<Session> {
        let user = self.users.get(name);
        let is_right = passwords::is_right(password, user.map_or(NOBODY, |user| user.password.as_str()), blocks);
        let user = user.filter(|_| is_right)?;
        Some(Session { user: name.to_owned(), password: fingerprint(&user.password) })
    }

    fn viewer(&self, name: &str, role: &str) -> Viewer {
        // Reading the file refuses unknown roles.
        let scope = self.roles.get(role).map_or(Scope::Regions(Arc::default()), Role::scope);
        Viewer::of_role(name, role, scope)
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
            "[roles.all]\nregions = \"all\"\n[roles.north]\nregions = [\"North\", \"East\"]\n[users.anna]\npassword = \"{hash}\"\nrole = \"north\"\n\
             [tokens.bi]\nsha256 = \"{token}\"\nrole = \"all\"\n"
        );
        Users::parse(&text).unwrap()
    }

    #[test]
    fn logins_and_tokens_have_the_scope_of_their_role() {
        let users = users();
        assert!(users.log_in("anna", "wrong horse", &mut Vec::new()).is_none());
        assert!(users.log_in("bert", "correct horse", &mut Vec::new()).is_none());
        let session = users.log_in("anna", "correct horse", &mut Vec::new()).unwrap();
        let anna = users.by_session(&session).unwrap();
        assert_eq!(anna.scope(), &Scope::Regions(["East".to_owned(), "North".to_owned()].into()));
        assert_eq!(users.by_token("t0ken").unwrap().scope(), &Scope::Everything);
        assert!(users.by_token("token").is_none());
        assert!(users.keeps_regions_apart());
    }

    #[test]
    fn a_new_password_ends_sessions() {
        let session = users().log_in("anna", "correct horse", &mut Vec::new()).unwrap();
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
            (
                "[roles.x]\nregions = \"all\"\n[users.a]\npassword = \"secret\"\nrole = \"x\"\n",
                "users.a.password is not a hash",
            ),
            ("[roles.\"\"]\nregions = \"all\"\n", "has an empty name"),
            (
                "[roles.x]\nregions = \"all\"\n[tokens.a]\nrole = \"x\"\nsha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n\
                 [tokens.b]\nrole = \"x\"\nsha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n",
                "are the same token",
            ),
            ("[roles.x]\n[users.a]\npassword = secret\n", "line 3"),
            ("[roles.x]\nregions = \"all\"\n[tokens.a]\nsha256 = \"12\"\nrole = \"x\"", "tokens.a.sha256"),
            ("[roles.x]\nregions = \"all\"\n", "neither a login nor a token"),
        ] {
            let error = format!("{:#}", Users::parse(text).unwrap_err());
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn g2_no_restriction_is_never_the_meaning_of_something_missing() {
        for regions in [
            "",
            "regions = []",
            "regions = [\"\"]",
            "regions = [\"North\", \" \"]",
            "regions = \"\"",
            "regions = \"All\"",
        ] {
            let text = format!("[roles.x]\n{regions}\n[tokens.a]\nsha256 = \"{}\"\nrole = \"x\"\n", fingerprint("t"));
            assert!(Users::parse(&text).is_err(), "{regions}");
        }
    }

    #[test]
    fn g2_a_file_that_is_cut_off_lets_nobody_see_more() {
        let whole = format!(
            "[tokens.n]\nsha256 = \"{}\"\nrole = \"north\"\n[tokens.s]\nsha256 = \"{}\"\nrole = \"south\"\n\
             [roles.south]\nregions = [\"South\", \"East\"]\n[roles.north]\nregions = [\"North\"]\n",
            fingerprint("north"),
            fingerprint("south")
        );
        let full = Users::parse(&whole).unwrap();
        let mut read = 0;
        for end in 0..whole.len() {
            let Ok(users) = Users::parse(&whole[..end]) else { continue };
            read += 1;
            for token in ["north", "south"] {
                let Some(viewer) = users.by_token(token) else { continue };
                assert_eq!(viewer.scope(), full.by_token(token).unwrap().scope(), "cut off after {end} bytes");
            }
        }
        assert!(read > 0);
    }

    #[test]
    fn g_low_a_users_file_is_read_again_whatever_its_time_and_counts_for_nobody_once_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let text = |token: &str| {
            format!("[roles.all]\nregions = \"all\"\n[tokens.a]\nsha256 = \"{}\"\nrole = \"all\"\n", fingerprint(token))
        };
        std::fs::write(&path, text("one")).unwrap();
        let time = path.metadata().unwrap().modified().unwrap();
        let file = UsersFile::open(path.clone()).unwrap();
        assert!(file.current().by_token("one").is_some());
        std::fs::write(&path, text("two")).unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert!(file.current().by_token("one").is_none());
        assert!(file.current().by_token("two").is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(file.current().by_token("two").is_none());
    }
}
