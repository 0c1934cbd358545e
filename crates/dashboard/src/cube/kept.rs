//! What depends on the selected members but not on the days, kept as long as the load.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// All results together take at most so many bytes.
const MOST: usize = 16 * 1024 * 1024;

/// Results by what they are results of. When they are too large, all are let go.
#[derive(Debug)]
pub(crate) struct Kept<K, T> {
    known: Mutex<HashMap<K, Arc<T>>>,
}

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self { known: Mutex::default() }
    }
}

impl<K: Hash + Eq, T> Kept<K, T> {
    /// The result that is known, or a new one. Two who ask at once may both make it: they make the same. They are all about as
    /// large as each other.
    pub fn get(&self, key: K, make: impl FnOnce() -> T, bytes: impl Fn(&T) -> usize) -> Arc<T> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = known().get(&key) {
            return Arc::clone(result);
        }
        let made = Arc::new(make());
        let mut known = known();
        if (known.len() + 1) * bytes(&made) > MOST {
            known.clear();
        }
        if bytes(&made) <= MOST {
            known.insert(key, Arc::clone(&made));
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_made_once_until_they_are_too_many() {
        let (kept, mut made) = (Kept::default(), Vec::new());
        for key in [1, 2, 1, 3, 1, 1] {
            kept.get(key, || made.push(key), |()| MOST / 2);
        }
        assert_eq!(made, [1, 2, 3, 1]);
        kept.get(4, || (), |()| MOST + 1);
        assert!(kept.known.lock().unwrap().is_empty());
    }
}
