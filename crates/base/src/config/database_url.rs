//! The URL of the warehouse. Its password shows nowhere.
//!
//! The driver knows neither `verify-ca`, `verify-full` nor `sslrootcert`: `sslmode` and `sslrootcert` are taken out of the URL before
//! the driver reads the rest, and kept as [`Tls`]. [`parameter`] knows which others there are.

mod parameter;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use percent_encoding::percent_decode_str;

use crate::fail;

/// How to reach a server.
#[derive(Clone)]
pub struct Target {
    /// The driver's configuration, password included.
    pub driver: postgres::Config,
    /// What is asked of the encryption.
    pub tls: Tls,
}

/// What is asked of the encryption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// How much.
    pub mode: SslMode,
    /// Who may vouch for the server.
    pub roots: Roots,
}

/// The values of `sslmode`, from the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum SslMode {
    /// No encryption.
    Disable,
    /// Encryption if the server has it.
    #[default]
    Prefer,
    /// Encryption; whose server it is, is not looked at.
    Require,
    /// Encryption, and a certificate that a trusted authority signed, for whatever host.
    VerifyCa,
    /// Encryption, and a certificate that a trusted authority signed for this host.
    VerifyFull,
}

/// Who may vouch for the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// The authorities that the operating system trusts.
    #[default]
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

impl SslMode {
    const ALL: [Self; 5] = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];

    /// As it stands in a URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl Target {
    /// A server that is reached without encryption, such as one on the loopback interface.
    pub fn plain(driver: postgres::Config) -> Self {
        Self { driver, tls: Tls { mode: SslMode::Disable, roots: Roots::System } }
    }

    /// `user@host:port/database`.
    pub fn describe(&self) -> String {
        describe(&self.driver)
    }
}

impl Tls {
    /// From the values of `sslmode` and `sslrootcert`, which go together as in libpq.
    fn new(mode: Option<&str>, root_cert: Option<&str>) -> Result<Self> {
        let known = |name: &str| SslMode::ALL.into_iter().find(|mode| mode.name() == name);
        let mode = match mode {
            None => None,
            Some(name) => match known(name) {
                Some(mode) => Some(mode),
                None => {
                    let names: Vec<&str> = SslMode::ALL.iter().map(|mode| mode.name()).collect();
                    fail!("the database URL has an sslmode that is not known; use one of {}", names.join(", "))
                }
            },
        };
        let Some(root_cert) = root_cert.filter(|value| !value.is_empty()) else {
            return Ok(Self { mode: mode.unwrap_or_default(), roots: Roots::System });
        };
        let is_system = root_cert == "system";
        let mode = match mode {
            None if is_system => SslMode::VerifyFull,
            // As libpq has it: who names an authority wants it to be asked.
            Some(SslMode::Require) if !is_system => SslMode::VerifyCa,
            Some(mode @ (SslMode::VerifyCa | SslMode::VerifyFull)) => mode,
            mode => fail!(
                "the database URL has an sslrootcert, which sslmode={} does not look at; set sslmode=verify-full (or verify-ca)",
                mode.unwrap_or_default().name()
            ),
        };
        Ok(Self { mode, roots: if is_system { Roots::System } else { Roots::File(root_cert.into()) } })
    }
}

/// A connection URL, or `key=value` pairs. Its password shows in neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// How to reach the server, password included.
    ///
    /// # Errors
    /// A text that is no URL, and values that are not known.
    pub fn target(&self) -> Result<Target> {
        let Taken { rest, parameters, kept } = match url_scheme(&self.0) {
            Some(scheme) => without_url_parameters(&self.0, scheme),
            None => without_pairs(&self.0),
        };
        for (name, value) in &kept {
            parameter::check(name, value)?;
        }
        for (name, value) in &parameters {
            parameter::check_harmless(name, value)?;
        }
        let value = |name: &str| parameters.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if let Some(name) = CLIENT_CERTIFICATE.into_iter().find(|name| value(name).is_some()) {
            fail!("the database URL has {name}; logins by client certificate are not supported, use a password");
        }
        let tls = Tls::new(value(MODE), value(ROOT_CERT))?;
        match postgres::Config::from_str(&rest) {
            Ok(driver) => Ok(Target { driver, tls }),
            // The parser's error may quote the text, and the text holds the password.
            Err(_) => fail!(
                "the database URL cannot be read; expected postgres://user:password@host:5432/database, with %40 for @, %3F for ? and %2F for / \
                 in a password (set in DATABASE_URL or --database-url)"
            ),
        }
    }
}

impl From<String> for SecretUrl {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// What surrounds it in files of secrets and environments, blanks, line breaks and quotation marks, is no part of it.
impl From<&str> for SecretUrl {
    fn from(text: &str) -> Self {
        let text = text.trim();
        let unquoted = ['"', '\''].into_iter().find_map(|mark| text.strip_prefix(mark)?.strip_suffix(mark));
        Self(unquoted.unwrap_or(text).trim().to_owned())
    }
}

impl FromStr for SecretUrl {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target() {
            Ok(target) => f.write_str(&target.describe()),
            Err(_) => f.write_str("(unreadable URL)"),
        }
    }
}

/// `user@host:port/database` of a driver configuration, `user@host:port,host:port/database` of several hosts: everything but the password.
pub fn describe(config: &postgres::Config) -> String {
    let name = |host: &postgres::config::Host| match host {
        // An unescaped @ in a password leaves its rest before the host.
        postgres::config::Host::Tcp(name) => name.rsplit('@').next().unwrap_or_default().to_owned(),
        #[cfg(unix)]
        postgres::config::Host::Unix(path) => path.display().to_string(),
    };
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
    let mut hosts: Vec<String> = config.get_hosts().iter().map(name).collect();
    if hosts.is_empty() {
        hosts.push("localhost".to_owned());
    }
    let hosts: Vec<String> = hosts.iter().enumerate().map(|(index, host)| format!("{host}:{}", port(index))).collect();
    let user = config.get_user().unwrap_or("?");
    let database = config.get_dbname().unwrap_or(user);
    format!("{user}@{}/{database}", hosts.join(","))
}

const MODE: &str = "sslmode";
const ROOT_CERT: &str = "sslrootcert";
const CLIENT_CERTIFICATE: [&str; 2] = ["sslcert", "sslkey"];

fn is_ours(name: &str) -> bool {
    name == MODE || name == ROOT_CERT || CLIENT_CERTIFICATE.contains(&name) || parameter::is_harmless(name)
}

fn url_scheme(text: &str) -> Option<&'static str> {
    ["postgres://", "postgresql://"].into_iter().find(|scheme| text.starts_with(scheme))
}

/// A connection text in parts.
struct Taken {
    /// The text without our parameters, for the driver.
    rest: String,
    /// Ours.
    parameters: Vec<(String, String)>,
    /// The driver's.
    kept: Vec<(String, String)>,
}

fn without_url_parameters(text: &str, scheme: &str) -> Taken {
    // The driver takes what comes before the first @ for user and password: a ? there begins no parameters.
    let start = text.find('@').map_or(scheme.len(), |at| at + 1);
    let mut taken = Taken { rest: text.to_owned(), parameters: Vec::new(), kept: Vec::new() };
    let Some(query) = text[start..].find('?').map(|at| start + at) else { return taken };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    // With another @ this is the rest of a password, which no message may show.
    let is_password = text[query..].contains('@');
    let mut kept = Vec::new();
    for parameter in text[query + 1..].split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let (name, value) = (decoded(name), decoded(value));
        match is_ours(&name) {
            true => taken.parameters.push((name, value)),
            false => {
                kept.push(parameter);
                if !is_password {
                    taken.kept.push((name, value));
                }
            }
        }
    }
    taken.rest = match kept.is_empty() {
        true => text[..query].to_owned(),
        false => format!("{}?{}", &text[..query], kept.join("&")),
    };
    taken
}

/// Of `key=value key='a value'`, with `\` before a character that stands for itself.
fn without_pairs(text: &str) -> Taken {
    let mut taken = Taken { rest: String::new(), parameters: Vec::new(), kept: Vec::new() };
    let mut left = text;
    while let Some((name, after)) = left.split_once('=') {
        let after = after.trim_start();
        let (value, length) = pair_value(after);
        let name = name.trim();
        match is_ours(name) {
            true => taken.parameters.push((name.to_owned(), value)),
            false => {
                taken.rest.push_str(&format!("{name}={} ", &after[..length]));
                // Anything else is the rest of a value with a blank in it, perhaps of the password.
                if parameter::is_name(name) {
                    taken.kept.push((name.to_owned(), value));
                }
            }
        }
        left = &after[length..];
    }
    taken.rest.push_str(left);
    taken.rest = taken.rest.trim_end().to_owned();
    taken
}

/// The value at the start of the text, and its length as it is written.
fn pair_value(text: &str) -> (String, usize) {
    let is_quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(is_quoted));
    while let Some((at, char)) = chars.next() {
        match char {
            '\'' if is_quoted => return (value, at + 1),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            char if char.is_whitespace() && !is_quoted => return (value, at),
            char => value.push(char),
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        SecretUrl(text.to_owned()).target().unwrap()
    }

    fn refusal(text: &str) -> String {
        let error = SecretUrl(text.to_owned()).target().err().unwrap().to_string();
        assert!(!error.contains("secret"), "{error}");
        error
    }

    #[test]
    fn the_parameters_of_encryption_are_taken_out_of_both_forms() {
        let full = Tls { mode: SslMode::VerifyFull, roots: Roots::File("/etc/my ca.pem".into()) };
        for text in [
            "postgres://me:sec?ret@db:6543/shop?sslmode=verify-full&application_name=x&sslrootcert=%2Fetc%2Fmy%20ca.pem",
            "postgresql://me:secret@db:6543/shop?sslrootcert=/etc/my%20ca.pem&application_name=x&sslmode=verify-full",
            "host=db port=6543 sslrootcert='/etc/my ca.pem' user=me password='a \\' sslmode=disable' sslmode = verify-full dbname=shop application_name=x",
            "host=db port = 6543 sslrootcert=/etc/my\\ ca.pem user=me sslmode='verify-full' application_name=x dbname=shop",
        ] {
            let target = target(text);
            assert_eq!(target.tls, full, "{text}");
            assert_eq!(target.describe(), "me@db:6543/shop");
            assert_eq!(target.driver.get_application_name(), Some("x"));
        }
        let password = target("host=db user=me password='a \\' sslmode=disable' sslmode=require").driver;
        assert_eq!(password.get_password(), Some(b"a ' sslmode=disable".as_slice()));
    }

    #[test]
    fn mode_and_authority_go_together_as_in_libpq() {
        let tls = |query: &str| target(&format!("postgres://me:secret@db/shop{query}")).tls;
        assert_eq!(tls(""), Tls { mode: SslMode::Prefer, roots: Roots::System });
        assert_eq!(tls("?sslmode=disable").mode, SslMode::Disable);
        assert_eq!(tls("?sslmode=require").mode, SslMode::Require);
        assert_eq!(tls("?sslmode=require&sslrootcert=ca.pem").mode, SslMode::VerifyCa);
        assert_eq!(tls("?sslrootcert=system"), Tls { mode: SslMode::VerifyFull, roots: Roots::System });
    }

    #[test]
    fn what_cannot_be_is_refused_without_the_password() {
        let refused = |query: &str| refusal(&format!("postgres://me:secret@db/shop?{query}"));
        assert!(refused("sslmode=allow").contains("disable, prefer, require, verify-ca, verify-full"));
        assert!(refused("sslrootcert=ca.pem").contains("set sslmode=verify-full"));
        assert!(refused("sslmode=require&sslrootcert=system").contains("sslmode=require does not look at"));
        assert!(refused("sslmode=require&sslcert=me.pem").contains("sslcert"));
        assert!(refused("colour=secret").contains("has a parameter `colour`"));
        assert!(refused("connect_timeout=secret").contains("`connect_timeout`"));
        assert!(refusal("secret").contains("cannot be read"));
    }

    #[test]
    fn field_e6_parameters_of_other_programs_are_named_with_advice() {
        let refused = |query: &str| refusal(&format!("postgres://me:secret@db/shop?{query}"));
        assert!(refused("pgbouncer=true").contains("`pgbouncer`") && refused("pgbouncer=true").contains("session"));
        assert!(refused("schema=public").contains("`schema`") && refused("schema=public").contains("mart and etl"));
        assert!(refused("sslmode=disable&currentSchema=public").contains("mart and etl"));
        assert!(refused("ssl=true").contains("sslmode=require"));
        assert!(refused("gssencmode=require").contains("gssencmode"));
        assert!(refused("Connect_Timeout=5").contains("did you mean `connect_timeout`?"));
        assert!(refused("pgbouncer").contains("`pgbouncer`"));
        assert!(refusal("host=db user=me password=secret schema=public").contains("`schema`"));
        assert!(refusal("host=db user=me port=secret").contains("`port`"));
    }

    #[test]
    fn field_e6_parameters_that_change_nothing_are_accepted() {
        for text in [
            "postgres://me:secret@db/shop?gssencmode=disable&application_name=x",
            "postgres://me:secret@db/shop?sslcompression=0&client_encoding=UTF8&gssencmode=prefer",
            "host=db user=me password=secret gssencmode=disable dbname=shop",
        ] {
            assert_eq!(target(text).describe(), "me@db:5432/shop", "{text}");
        }
    }

    #[test]
    fn field_e6_what_surrounds_a_url_is_no_part_of_it() {
        for text in [
            "postgres://me:secret@db/shop\n",
            " postgres://me:secret@db/shop\r\n",
            "\"postgres://me:secret@db/shop\"",
            "'postgres://me:secret@db/shop'\n",
            "\tpostgres://me:secret@db/shop?gssencmode=disable \n",
            "host=db user=me dbname=shop\n",
        ] {
            assert_eq!(SecretUrl::from(text).target().unwrap().describe(), "me@db:5432/shop", "{text:?}");
        }
    }

    #[test]
    fn field_e6_the_rest_of_a_password_is_never_taken_for_a_parameter() {
        for text in [
            "postgres://me:se@cr?secret=1&secret@db/shop",
            "postgres://me:a@b?my-secret@db/shop",
            "host=db user=me password=a secret b=c",
        ] {
            let error = SecretUrl(text.to_owned()).target().err();
            assert!(error.is_none_or(|error| !error.to_string().contains("secret")), "{text}");
        }
    }
}
