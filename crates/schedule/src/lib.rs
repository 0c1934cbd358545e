//! When the next run is due: at intervals or by the calendar.

pub mod clock;
