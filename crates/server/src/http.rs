//! What is neither API nor page: logins, files, events, probes; and what all handlers share.

pub(crate) mod answer;
pub(crate) mod download;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod measure;
pub(crate) mod probe;
