//! Warnings about records that share their key with a record of other content.

use salesmart_base::count::counted;
use salesmart_base::event::{KeyConflict, KeyConflicts};

/// One text per kind of conflict: how many, the first two, and what to do.
pub(super) fn warnings(source: &str, conflicts: &KeyConflicts) -> Vec<String> {
    let key = &conflicts.key;
    let kinds = [
        (
            &conflicts.repeated,
            format!("replaced by a later record of the same file, with the same {key} and other content"),
            "counts",
            format!(
                "if they are not corrections, the file holds wrong identifiers (spreadsheets shorten long numbers), or `key` \
                 in the contract of {source} lacks a column"
            ),
        ),
        (
            &conflicts.outranked,
            format!("without effect: a file that sorts later is loaded, and has the same {key} with other content"),
            "stays",
            "if they are corrections, rename their file so that it sorts last".to_owned(),
        ),
        (
            &conflicts.unrelated,
            format!("replaced by unrelated records of another file, with the same {key}"),
            "counts",
            format!(
                "if each file numbers its records by itself, add a column that tells them apart to `key` in the contract of \
                 {source}, and to the key of the model that reads it"
            ),
        ),
    ];
    let found = kinds.into_iter().filter(|(conflict, ..)| conflict.records > 0);
    found
        .map(|(conflict, what, verb, advice)| {
            let examples = examples(key, conflict, verb);
            format!("{source}: {} {what}:\n{examples}\n{advice}", counted(conflict.records, "record"))
        })
        .collect()
}

fn examples(key: &str, conflict: &KeyConflict, verb: &str) -> String {
    let mut lines: Vec<String> = conflict
        .examples
        .iter()
        .map(|example| format!("  {key} {}: {} ({} {verb})", example.key, example.lost, example.kept))
        .collect();
    let more = conflict.records - lines.len() as u64;
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}
