//! The section `[dashboard]`: what `salesmart serve` shows, where it listens, and who may come in.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Result;
use ipnet::IpNet;
use serde::Deserialize;

use crate::fail;
use crate::settings::{Currency, Settings, SymbolPlace};

/// Where `salesmart serve` listens by default.
const LISTEN: &str = "127.0.0.1:8080";

/// Where to listen: an address and a port, `localhost` and a port, or a port of this machine.
///
/// # Errors
/// Says what it may be.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let local = |port: &str| port.parse().ok().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let of_name = text.strip_prefix("localhost:").map_or_else(|| local(text), local);
    text.parse().ok().or(of_name).ok_or_else(|| format!("an address and a port such as {LISTEN}, or a port alone"))
}

/// An address, or a network such as `10.0.0.0/8`.
fn network(text: &str, path: &Path) -> Result<IpNet> {
    let Ok(network) = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) else {
        fail!(
            "{}: dashboard.trusted_proxies are addresses such as \"127.0.0.1\" or networks such as \"10.0.0.0/8\", not \"{text}\"",
            path.display()
        );
    };
    Ok(network)
}

/// What is known of the dashboard.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// Title, currency, named views.
    pub settings: Settings,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The file of logins, if somebody has to log in.
    pub users: Option<PathBuf>,
    /// Reverse proxies that name the client's address.
    pub trusted_proxies: Vec<IpNet>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    title: Option<String>,
    currency: Option<String>,
    currency_place: Option<Place>,
    listen: Option<String>,
    views: Option<PathBuf>,
    users: Option<PathBuf>,
    trusted_proxies: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Before,
    After,
}

impl Dashboard {
    /// The profile's keys, else the file's, else the defaults; `SALESMART_LISTEN` goes before both.
    pub(super) fn new(profile: Section, file: Section, root: &Path, path: &Path) -> Result<Self> {
        let from_env = std::env::var("SALESMART_LISTEN").ok().filter(|value| !value.is_empty());
        let listen = from_env.or(profile.listen).or(file.listen).unwrap_or_else(|| LISTEN.to_owned());
        let listen = match parse_listen(&listen) {
            Ok(listen) => listen,
            Err(is) => fail!("{}: dashboard.listen (or SALESMART_LISTEN) is {is}, not \"{listen}\"", path.display()),
        };
        let symbol = profile.currency.or(file.currency).unwrap_or_default();
        if symbol.chars().count() > 8 || symbol.chars().any(char::is_control) {
            fail!("{}: dashboard.currency is a symbol or a code such as \"€\" or \"USD\"", path.display());
        }
        let place = match profile.currency_place.or(file.currency_place) {
            Some(Place::Before) => SymbolPlace::Before,
            Some(Place::After) => SymbolPlace::After,
            None if ["$", "£", "¥", "₹"].contains(&symbol.as_str()) => SymbolPlace::Before,
            None => SymbolPlace::After,
        };
        let settings = Settings {
            title: profile.title.or(file.title).unwrap_or_else(|| "Sales".to_owned()),
            currency: Currency { symbol, place },
            views: Some(root.join(profile.views.or(file.views).unwrap_or_else(|| "dashboards/views.toml".into()))),
        };
        let trusted_proxies = profile.trusted_proxies.or(file.trusted_proxies).unwrap_or_default();
        Ok(Self {
            settings,
            listen,
            users: profile.users.or(file.users).map(|users| root.join(users)),
            trusted_proxies: trusted_proxies.iter().map(|text| network(text, path)).collect::<Result<_>>()?,
        })
    }
}
