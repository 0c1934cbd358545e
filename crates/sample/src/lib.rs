//! Deterministic sample data: plausible sales with planted findings and planted dirt, and a manifest of both.
//!
//! Everything is integer arithmetic on a portable generator: the same rows, days and seed give the same bytes on
//! any machine. [`world`] invents shops, products and customers, [`lines`] their sales, [`dirt`] spoils some, and
//! [`files`] writes them.

pub mod dirt;
pub mod files;
pub mod lines;
pub mod world;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Sale lines, before dirt.
    pub rows: u64,
    /// Days, from 2023-01-01.
    pub days: u32,
    /// Seed.
    pub seed: u64,
}

/// A source of numbers.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// One for this seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `limit`, each equally likely (to within 2^-64).
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// True so many times in a thousand.
    pub fn chance(&mut self, per_thousand: u64) -> bool {
        self.below(1000) < per_thousand
    }

    /// A place in a list of cumulated weights.
    pub fn weighted(&mut self, cumulated: &[u64]) -> usize {
        let total = cumulated.last().copied().unwrap_or(0);
        let drawn = self.below(total);
        cumulated.partition_point(|sum| *sum <= drawn)
    }
}

/// Running sums of weights, for [`Dice::weighted`].
pub fn cumulate(weights: impl IntoIterator<Item = u64>) -> Vec<u64> {
    weights
        .into_iter()
        .scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}
