//! How often somebody may try a password.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failed tries of one login in [`WINDOW`].
const OF_LOGIN: usize = 5;
/// Failed tries from one address: many people may share it.
const OF_ADDRESS: usize = 50;
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// The most logins and addresses that are remembered.
const MOST: usize = 10_000;

/// Failed tries.
#[derive(Default)]
pub(crate) struct Attempts {
    logins: Mutex<HashMap<String, Vec<Instant>>>,
    addresses: Mutex<HashMap<IpAddr, Vec<Instant>>>,
}

impl Attempts {
    /// May there be another try?
    ///
    /// # Errors
    /// After how many seconds there may be one.
    pub(crate) fn may_try(&self, login: &str, address: IpAddr, now: Instant) -> Result<(), u64> {
        wait(&self.logins, login, OF_LOGIN, now)?;
        wait(&self.addresses, &address, OF_ADDRESS, now)
    }

    /// A try failed.
    pub(crate) fn failed(&self, login: &str, address: IpAddr, now: Instant) {
        note(&self.logins, login.to_owned(), now);
        note(&self.addresses, address, now);
    }

    /// The try that was noted at this moment succeeded: its login starts anew, and its address has failed once less.
    pub(crate) fn succeeded(&self, login: &str, address: IpAddr, noted: Instant) {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).remove(login);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failed) = addresses.get_mut(&address)
            && let Some(place) = failed.iter().position(|one| *one == noted)
        {
            failed.remove(place);
        }
    }
}

fn wait<K, Q>(of: &Mutex<HashMap<K, Vec<Instant>>>, key: &Q, most: usize, now: Instant) -> Result<(), u64>
where
    K: Hash + Eq + std::borrow::Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    let of = of.lock().unwrap_or_else(PoisonError::into_inner);
    let recent: Vec<&Instant> =
        of.get(key).into_iter().flatten().filter(|failed| now.duration_since(**failed) < WINDOW).collect();
    match recent.len().checked_sub(most).and_then(|beyond| recent.get(beyond)) {
        // When this one is long enough ago, there are fewer.
        Some(failed) => Err((WINDOW - now.duration_since(**failed)).as_secs() + 1),
        None => Ok(()),
    }
}

fn note<K: Hash + Eq>(of: &Mutex<HashMap<K, Vec<Instant>>>, key: K, now: Instant) {
    let mut of = of.lock().unwrap_or_else(PoisonError::into_inner);
    if of.len() >= MOST {
        of.retain(|_, failed| failed.last().is_some_and(|last| now.duration_since(*last) < WINDOW));
    }
    // Who floods it with names only makes room by his own waiting time.
    if of.len() < MOST || of.contains_key(&key) {
        let failed = of.entry(key).or_default();
        failed.retain(|failed| now.duration_since(*failed) < WINDOW);
        failed.push(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_try_has_to_wait_and_other_logins_do_not() {
        let (attempts, here, now) = (Attempts::default(), IpAddr::from([127, 0, 0, 1]), Instant::now());
        for _ in 0..OF_LOGIN {
            assert_eq!(attempts.may_try("anna", here, now), Ok(()));
            attempts.failed("anna", here, now);
        }
        assert_eq!(attempts.may_try("anna", here, now), Err(WINDOW.as_secs() + 1));
        assert_eq!(attempts.may_try("bert", here, now), Ok(()));
        assert_eq!(attempts.may_try("anna", here, now + WINDOW), Ok(()));
        attempts.succeeded("anna", here, now);
        assert_eq!(attempts.may_try("anna", here, now), Ok(()));
    }

    #[test]
    fn people_behind_one_address_may_all_log_in() {
        let (attempts, here, now) = (Attempts::default(), IpAddr::from([127, 0, 0, 1]), Instant::now());
        for login in 0..3 * OF_ADDRESS {
            assert_eq!(attempts.may_try(&login.to_string(), here, now), Ok(()));
            attempts.failed(&login.to_string(), here, now);
            attempts.succeeded(&login.to_string(), here, now);
        }
    }

    #[test]
    fn an_address_has_to_wait_whatever_logins_it_tries() {
        let (attempts, here, now) = (Attempts::default(), IpAddr::from([127, 0, 0, 1]), Instant::now());
        (0..OF_ADDRESS).for_each(|login| attempts.failed(&login.to_string(), here, now));
        assert!(attempts.may_try("new", here, now).is_err());
        assert!(attempts.may_try("new", IpAddr::from([127, 0, 0, 2]), now).is_ok());
    }
}
