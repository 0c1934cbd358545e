//! The pages of the dashboard: what they show, as data ([`content`]), their charts ([`chart`]), and both as HTML ([`page`]).
//!
//! It knows nothing of requests, sessions or servers.

pub mod chart;
pub mod content;
pub mod page;
