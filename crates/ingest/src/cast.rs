//! From text to values, exactly or not at all.
//!
//! [`exact`] casts to the types of a contract, with [`decimal`] for numbers and [`moment`] for dates and times; a [`fault`] is
//! why it cannot.

pub mod decimal;
pub mod exact;
pub mod fault;
pub mod moment;
