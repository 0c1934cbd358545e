//! What a project consists of: its models, checks and sources ([`inventory`]), what columns are computed from ([`lineage`]), and
//! a site that shows both ([`docs`]).

pub mod docs;
pub mod inventory;
pub mod lineage;
