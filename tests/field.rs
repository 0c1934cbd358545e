//! Faults that users and files in the field found, one test for each, named after its entry: `field_a1_…`.

mod dialects;
mod files;
mod followers;
mod increments;
mod lost_staging;
mod marts;
mod operations;
mod order;
mod spreadsheet;
mod statistics;
mod values;
mod warehouse;
