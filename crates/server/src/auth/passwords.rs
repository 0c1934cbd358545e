//! Checks of passwords: few at a time, in memory that is reserved once. One check takes 19 MiB and tens of milliseconds on purpose, so
//! a flood of logins would fill the memory and the cores.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use argon2::password_hash::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::sessions::Session;
use super::users::Users;
use crate::problem::Problem;

/// Logins that wait for a check; more are asked to come again.
const WAITING: usize = 64;
/// Seconds after which they may.
const LATER: u64 = 5;

/// The checks at work.
pub(crate) struct PasswordChecks {
    waiting: Arc<Semaphore>,
    running: Arc<Semaphore>,
    memory: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Default for PasswordChecks {
    fn default() -> Self {
        // Half of the cores: pages go on while many log in.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            waiting: Arc::new(Semaphore::new(WAITING)),
            running: Arc::new(Semaphore::new((cores / 2).clamp(1, 4))),
            memory: Arc::default(),
        }
    }
}

impl PasswordChecks {
    /// The session of a login, if the password is right.
    ///
    /// # Errors
    /// Too many logins wait already.
    pub(crate) async fn check(
        &self,
        users: Arc<Users>,
        name: String,
        password: String,
    ) -> Result<Option<Session>, Problem> {
        let Ok(_place) = self.waiting.try_acquire() else { return Err(Problem::TooMany(LATER)) };
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(Problem::internal)?;
        let memory = Arc::clone(&self.memory);
        let work = move || {
            // A client that hangs up ends the request, not this thread: the turn lasts as long as the work.
            let _turn = turn;
            let mut blocks = memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let session = users.log_in(&name, &password, &mut blocks);
            memory.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
            session
        };
        tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
    }
}

/// Whether a password has this hash, which names its own parameters. `blocks` grows to what they need.
pub(super) fn is_right(password: &str, hash: &str, blocks: &mut Vec<Block>) -> bool {
    let mut check = || -> Result<bool> {
        let hash = PasswordHash::new(hash).map_err(|error| anyhow!("{error}"))?;
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else { return Ok(false) };
        let params = Params::try_from(&hash).map_err(|error| anyhow!("{error}"))?;
        let algorithm = Algorithm::try_from(hash.algorithm).map_err(|error| anyhow!("{error}"))?;
        let version =
            hash.version.map_or(Ok(Version::default()), Version::try_from).map_err(|error| anyhow!("{error}"))?;
        let needed = params.block_count();
        if blocks.len() < needed {
            blocks.resize(needed, Block::default());
        }
        let mut buffer = [0; 64];
        let salt = salt.decode_b64(&mut buffer).map_err(|error| anyhow!("{error}"))?;
        let mut found = vec![0; expected.len()];
        Argon2::new(algorithm, version, params)
            .hash_password_into_with_memory(password.as_bytes(), salt, &mut found, &mut blocks[..needed])
            .map_err(|error| anyhow!("{error}"))?;
        Ok(expected.as_bytes().ct_eq(&found).into())
    };
    check().unwrap_or_else(|error| {
        tracing::error!("a password cannot be checked: {error}");
        false
    })
}
