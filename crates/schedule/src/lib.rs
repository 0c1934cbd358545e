//! When the next run is due: at intervals or by the calendar, in a time zone, by a clock that may be set.

pub mod calendar;
pub mod clock;
pub mod zone;
