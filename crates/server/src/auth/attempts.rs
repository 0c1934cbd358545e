//! How often somebody may try a password.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// Failed attempts at one login from one network in [`WINDOW`].
const PER_LOGIN_AND_NETWORK: usize = 5;
/// Failed attempts at one login from all networks where it has not logged in yet. It slows guessing from many machines. The owner of the
/// login is not locked out where they have logged in since the server started.
const PER_LOGIN: usize = 100;
/// Failed attempts from one network: many people may share it.
const PER_NETWORK: usize = 50;
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Maximum number of keys of one table.
const CAPACITY: usize = 10_000;

/// Failed attempts, counted by login and by network.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    pairs: Table<(LoginHash, Network)>,
    logins: Table<LoginHash>,
    networks: Table<Network>,
    /// Where a login has succeeded.
    known: Table<(LoginHash, Network)>,
}

/// Names come from anybody and may be long.
type LoginHash = [u8; 32];

/// What one person or machine usually has to itself: an IPv4 address, or the first half of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Addr),
    V6(u64),
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((u128::from(address) >> 64) as u64),
        }
    }
}

impl Attempts {
    /// Counts an attempt, before it is known to fail: many at once are not more than one after the other.
    ///
    /// # Errors
    /// There were too many. Returns the seconds until the next one may come.
    pub(crate) fn begin(&self, login: &str, address: IpAddr, now: Instant) -> Result<(), u64> {
        let (login, network) = (hash(login), Network::from(address));
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.pairs.wait(&(login, network), PER_LOGIN_AND_NETWORK, now)?;
        let is_known = tables.known.0.contains_key(&(login, network));
        if !is_known {
            tables.logins.wait(&login, PER_LOGIN, now)?;
        }
        tables.networks.wait(&network, PER_NETWORK, now)?;
        tables.pairs.add((login, network), now);
        tables.logins.add(login, now);
        tables.networks.add(network, now);
        Ok(())
    }

    /// The attempt that began at this moment succeeded: it is not counted, and the login starts anew in this network.
    pub(crate) fn succeeded(&self, login: &str, address: IpAddr, began: Instant) {
        let (login, network) = (hash(login), Network::from(address));
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.pairs.0.remove(&(login, network));
        tables.known.add((login, network), began);
        tables.logins.remove(&login, began);
        tables.networks.remove(&network, began);
    }
}

fn hash(login: &str) -> LoginHash {
    Sha256::digest(login.as_bytes()).into()
}

/// Moments of failed attempts by key, oldest first.
struct Table<K>(HashMap<K, Vec<Instant>>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn wait(&self, key: &K, limit: usize, now: Instant) -> Result<(), u64> {
        let failed = self.0.get(key).into_iter().flatten();
        let recent: Vec<&Instant> = failed.filter(|failed| now.duration_since(**failed) < WINDOW).collect();
        match recent.len().checked_sub(limit).and_then(|beyond| recent.get(beyond)) {
            // When this one is long enough ago, there are fewer.
            Some(failed) => Err((WINDOW - now.duration_since(**failed)).as_secs() + 1),
            None => Ok(()),
        }
    }

    /// A full table forgets the key that failed longest ago: whoever fills it with invented names must not switch the limits off for others.
    fn add(&mut self, key: K, now: Instant) {
        if self.0.len() >= CAPACITY && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, failed)| failed.last().copied()).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        let failed = self.0.entry(key).or_default();
        failed.retain(|failed| now.duration_since(*failed) < WINDOW);
        failed.push(now);
    }

    fn remove(&mut self, key: &K, began: Instant) {
        if let Some(failed) = self.0.get_mut(key)
            && let Some(place) = failed.iter().position(|one| *one == began)
        {
            failed.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_sixth_attempt_has_to_wait_and_other_logins_do_not() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..PER_LOGIN_AND_NETWORK {
            assert_eq!(attempts.begin("anna", HERE, now), Ok(()));
        }
        assert_eq!(attempts.begin("anna", HERE, now), Err(WINDOW.as_secs() + 1));
        assert_eq!(attempts.begin("bert", HERE, now), Ok(()));
        assert_eq!(attempts.begin("anna", HERE, now + WINDOW), Ok(()));
        attempts.succeeded("anna", HERE, now + WINDOW);
        assert_eq!(attempts.begin("anna", HERE, now + WINDOW), Ok(()));
    }

    #[test]
    fn people_in_one_network_may_all_log_in() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for login in 0..3 * PER_NETWORK {
            assert_eq!(attempts.begin(&login.to_string(), HERE, now), Ok(()));
            attempts.succeeded(&login.to_string(), HERE, now);
        }
    }

    #[test]
    fn a_network_has_to_wait_whatever_logins_it_tries() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for login in 0..PER_NETWORK {
            assert_eq!(attempts.begin(&login.to_string(), HERE, now), Ok(()));
        }
        assert!(attempts.begin("new", HERE, now).is_err());
        assert_eq!(attempts.begin("new", address("127.0.0.2"), now), Ok(()));
    }

    #[test]
    fn g6_an_ipv6_network_counts_as_one_and_a_mapped_address_as_its_own() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for host in 0..PER_NETWORK {
            assert_eq!(attempts.begin(&host.to_string(), address(&format!("2001:db8:0:1::{host:x}")), now), Ok(()));
        }
        assert!(attempts.begin("new", address("2001:db8:0:1:ffff::1"), now).is_err());
        assert_eq!(attempts.begin("new", address("2001:db8:0:2::1"), now), Ok(()));
        for login in 0..PER_NETWORK {
            assert_eq!(attempts.begin(&login.to_string(), address("::ffff:10.0.0.1"), now), Ok(()));
        }
        assert!(attempts.begin("new", address("10.0.0.1"), now).is_err());
    }

    #[test]
    fn g6_one_network_locks_nobody_out_elsewhere() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        while attempts.begin("anna", HERE, now).is_ok() {}
        assert_eq!(attempts.begin("anna", address("10.0.0.1"), now), Ok(()));
        for network in 1..PER_LOGIN as u32 * 2 {
            let _ = attempts.begin("anna", IpAddr::from(Ipv4Addr::from(network << 8)), now);
        }
        assert!(attempts.begin("anna", address("10.0.0.2"), now).is_err(), "guessing from many networks is not slowed");
        // Where she has logged in before, she still can.
        let (attempts, home) = (Attempts::default(), address("203.0.113.1"));
        assert_eq!(attempts.begin("anna", home, now), Ok(()));
        attempts.succeeded("anna", home, now);
        for network in 1..PER_LOGIN as u32 * 2 {
            let _ = attempts.begin("anna", IpAddr::from(Ipv4Addr::from(network << 8)), now);
        }
        assert_eq!(attempts.begin("anna", home, now), Ok(()));
    }

    #[test]
    fn g6_invented_names_and_networks_do_not_switch_the_limits_off() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..2 * CAPACITY as u32 {
            assert_eq!(attempts.begin(&number.to_string(), IpAddr::from(Ipv4Addr::from(number << 8)), now), Ok(()));
        }
        let later = now + Duration::from_secs(1);
        for _ in 0..PER_LOGIN_AND_NETWORK {
            assert_eq!(attempts.begin("anna", HERE, later), Ok(()));
        }
        assert!(attempts.begin("anna", HERE, later).is_err());
        let tables = attempts.0.lock().unwrap();
        assert!(
            tables.pairs.0.len() <= CAPACITY
                && tables.logins.0.len() <= CAPACITY
                && tables.networks.0.len() <= CAPACITY
        );
    }
}
