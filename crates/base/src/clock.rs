//! The system's clock, which on a machine without a battery may stand before 1970.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use uuid::{NoContext, Timestamp, Uuid};

use crate::fail;

/// Refuses a clock that stands before 1970: runs are numbered and dated by it, and libraries that this program uses panic.
///
/// # Errors
/// The clock stands before 1970.
pub fn check(now: SystemTime) -> Result<()> {
    let Err(error) = now.duration_since(SystemTime::UNIX_EPOCH) else { return Ok(()) };
    let before = Duration::from_secs(error.duration().as_secs().max(1));
    fail!(
        "the system clock stands before 1970, {} before its first second; set it (such as by NTP), then run again",
        humantime::format_duration(before)
    )
}

/// An id for a run, in the order of time; a clock that stands before 1970 counts as 1970.
pub fn run_id() -> String {
    run_id_at(SystemTime::now()).to_string()
}

fn run_id_at(now: SystemTime) -> Uuid {
    match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(_) => Uuid::now_v7(),
        Err(_) => Uuid::new_v7(Timestamp::from_unix(NoContext, 0, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_a_clock_before_1970_is_refused_and_its_ids_are_those_of_1970() {
        for seconds in [1, 86_400, 60 * 366 * 86_400] {
            let then = SystemTime::UNIX_EPOCH - Duration::from_secs(seconds);
            let error = check(then).unwrap_err().to_string();
            assert!(error.starts_with("the system clock stands before 1970, "), "{error}");
            let (one, other) = (run_id_at(then), run_id_at(then));
            assert_ne!(one, other);
            assert!(one.to_string().starts_with("00000000-0000-7"), "{one}");
        }
        check(SystemTime::UNIX_EPOCH).unwrap();
        check(SystemTime::now()).unwrap();
    }
}
