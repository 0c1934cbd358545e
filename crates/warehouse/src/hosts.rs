//! The hosts of a URL, one by one. The driver would try them all by itself and not tell which one answered.

use std::time::SystemTime;

use postgres::Config;
use postgres::config::{Host, LoadBalanceHosts};
use salesmart_base::config::Target;

/// One target per host of a URL, in the order in which they are to be tried.
pub fn each(target: &Target) -> Vec<Target> {
    let driver = &target.driver;
    let count = driver.get_hosts().len().max(driver.get_hostaddrs().len());
    if count < 2 {
        return vec![target.clone()];
    }
    let mut targets: Vec<Target> =
        (0..count).map(|index| Target { driver: only(driver, index), tls: target.tls.clone() }).collect();
    if driver.get_load_balance_hosts() == LoadBalanceHosts::Random {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        targets.rotate_left(now.subsec_nanos() as usize % count);
    }
    targets
}

/// The same configuration with one of its hosts. A configuration cannot be told to drop a host.
fn only(driver: &Config, index: usize) -> Config {
    let mut one = Config::new();
    match driver.get_hosts().get(index) {
        Some(Host::Tcp(name)) => {
            one.host(name);
        }
        #[cfg(unix)]
        Some(Host::Unix(path)) => {
            one.host_path(path);
        }
        None => {}
    }
    if let Some(address) = driver.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    // One port is that of all hosts.
    if let Some(port) = driver.get_ports().get(index).or_else(|| driver.get_ports().first()) {
        one.port(*port);
    }
    if let Some(user) = driver.get_user() {
        one.user(user);
    }
    if let Some(password) = driver.get_password() {
        one.password(password);
    }
    if let Some(database) = driver.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = driver.get_options() {
        one.options(options);
    }
    if let Some(name) = driver.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = driver.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = driver.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = driver.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = driver.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(driver.get_keepalives())
        .keepalives_idle(driver.get_keepalives_idle())
        .ssl_mode(driver.get_ssl_mode())
        .ssl_negotiation(driver.get_ssl_negotiation())
        .target_session_attrs(driver.get_target_session_attrs())
        .channel_binding(driver.get_channel_binding());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_keeps_its_port_and_what_all_share() {
        let url = "postgres://me:secret@one:1,two:2/shop?connect_timeout=3&target_session_attrs=read-write";
        let targets = each(&Target::plain(url.parse().unwrap()));
        let described: Vec<String> = targets.iter().map(Target::describe).collect();
        assert_eq!(described, ["me@one:1/shop", "me@two:2/shop"]);
        let whole: Config = url.parse().unwrap();
        for target in &targets {
            assert_eq!(target.driver.get_password(), whole.get_password());
            assert_eq!(target.driver.get_connect_timeout(), whole.get_connect_timeout());
            assert_eq!(target.driver.get_target_session_attrs(), whole.get_target_session_attrs());
        }
        let one_port: Config = "host=one,two port=7 user=me".parse().unwrap();
        let described: Vec<String> = each(&Target::plain(one_port)).iter().map(Target::describe).collect();
        assert_eq!(described, ["me@one:7/me", "me@two:7/me"]);
    }
}
