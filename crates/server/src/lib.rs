//! The server: one process, pages and API over the figures of one load.
//!
//! A request passes the [`router`]; [`extract`] finds out who asks ([`auth`]) and which load answers ([`state`]); a handler of
//! [`api`], [`page`] or [`http`] answers, or says what is wrong ([`problem`]). Imports go in the opposite order only. [`source`] opens
//! what the loads are read from.

mod api;
mod auth;
mod connections;
mod extract;
mod http;
mod page;
mod problem;
mod router;
pub mod source;
mod state;

pub use auth::{Access, fingerprint, hash_password, new_secret};
pub use problem::Problem;
pub use router::{router, serve};
pub use state::App;
