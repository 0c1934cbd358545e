//! The figures of the dashboard: what is asked ([`filter`]), what is known ([`cube`]) and what comes out ([`figures`]).
//!
//! It knows nothing of files, models or syncs: it reads the star schema `mart` ([`source`]), holds one load of it in memory as
//! columns, and computes every number of a page, of the API and of an export from that one load. So a total cannot disagree with
//! the table below it, and the same figures serve the warehouse and an analyst's staging file.

pub mod calendar;
pub mod cube;
pub mod figures;
pub mod filter;
pub mod known_days;
pub mod money;
pub mod source;
