//! From text to values, exactly or not at all.
//!
//! [`exact`] casts to the types of a contract. Numbers are read in a [`number_style`], from [`digits`] where a [`decimal`] is not
//! large enough; dates and times by [`moment`], in the pieces of a [`moment_format`]. A [`fault`] is why a text cannot be cast.

pub mod decimal;
pub mod digits;
pub mod exact;
pub mod fault;
pub mod moment;
pub mod moment_format;
pub mod number_style;
