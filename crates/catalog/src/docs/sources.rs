//! The page of sources: what their files must look like, which were read, and what was refused.

use maud::{Markup, html};
use page::Place;
use salesmart_base::count::grouped;
use salesmart_ingest::contract::{Column, Contract};

use super::{Site, page};
use crate::inventory::File;

/// The columns that every source has beside those of its contract.
const OWN_COLUMNS: [(&str, &str, &str); 2] =
    [("_file", "varchar", "the file it was read from"), ("_line", "bigint", "the line where the record starts")];

pub(super) fn page(site: &Site<'_>) -> Markup {
    page::frame(
        "Sources",
        Place::Sources,
        &html! {
            h1 { "Sources" }
            p.soft { "Fields are accepted only if their cast is exact and the rules hold; everything else is rejected with a reason." }
            @for contract in site.contracts.values() { (source(site, contract)) }
        },
    )
}

fn source(site: &Site<'_>, contract: &Contract) -> Markup {
    let name = format!("raw.{}", contract.source);
    let anchor = |column: &str| format!("{}.{}", page::anchor(&contract.source), page::anchor(column));
    let files = site.inventory.files.get(&contract.source).map(Vec::as_slice).unwrap_or_default();
    html! {
        h2 id=(page::anchor(&contract.source)) { (name) }
        dl {
            dt { "Contract" } dd { code { (site.config.relative(&contract.path)) } }
            dt { "Files" } dd { code { (contract.files) } }
            dt { "Format" } dd { (format!("{:?}", contract.dialect.format).to_lowercase()) }
            @if !contract.unique.is_empty() { dt { "Unique in a file" } dd { code { (contract.unique.join(", ")) } } }
            @if !contract.key.is_empty() { dt { "Key" } dd { code { (contract.key.join(", ")) } } }
            dt { "A file is refused" } dd { "with more than " (contract.max_rejects.to_string()) " rejects" }
            dt { "Read by" } dd { (page::models(site.lineage.read_by(&name).into_iter(), Place::Sources)) }
        }
        h3 { "Columns" }
        div.wide {
            table {
                thead { tr { th { "Column" } th { "In the file" } th { "Type" } th { "Rules" } } }
                tbody {
                    @for (name, kind, what) in OWN_COLUMNS {
                        tr id=(anchor(name)) {
                            td.mono { (name) }
                            td.soft { "not in it" }
                            td.mono { (kind) }
                            td.text { (what) }
                        }
                    }
                    @for column in &contract.columns {
                        tr id=(anchor(&column.name)) {
                            td.mono { (column.name) }
                            td { (names(column)) }
                            td.mono { (column.kind.sql()) }
                            td.text { (rules(column).join("; ")) }
                        }
                    }
                }
            }
        }
        h3 { "Files read" }
        @if files.is_empty() { p.soft { "None yet." } } @else { (files_table(files)) }
        @if let Some(rejects) = site.inventory.rejects.get(&contract.source) {
            h3 { "Rejects" }
            div.wide {
                table {
                    thead { tr { th { "Column" } th { "Reason" } th.number { "Records" } } }
                    tbody {
                        @for (column, code, count) in rejects {
                            tr {
                                td.mono { @match column { Some(column) => (column), None => span.soft { "whole record" } } }
                                td.mono { (code) }
                                td.number { (grouped(*count)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn files_table(files: &[File]) -> Markup {
    html! {
        div.wide {
            table {
                thead {
                    tr { th { "File" } th { "Outcome" } th.number { "Records" } th.number { "Accepted" } th.number { "Rejected" } }
                }
                tbody {
                    @for file in files {
                        tr {
                            td.mono { (file.name) }
                            td { (file.outcome) }
                            td.number { (grouped(file.records)) }
                            td.number { (grouped(file.accepted)) }
                            td.number { (grouped(file.rejected)) }
                        }
                    }
                }
            }
        }
    }
}

fn names(column: &Column) -> String {
    std::iter::once(column.header.as_str())
        .chain(column.aliases.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a value must be, in words.
fn rules(column: &Column) -> Vec<String> {
    let rules = &column.rules;
    let text = |name: &str, value: Option<String>| value.map(|value| format!("{name} {value}"));
    let formats = match column.formats == column.kind.default_formats() {
        true => None,
        false => Some(column.formats.join(" or ")),
    };
    [
        column.required.then(|| "required".to_owned()),
        column.optional.then(|| "may be missing from a file".to_owned()),
        text("written as", formats),
        text("at least", rules.min.as_ref().map(ToString::to_string)),
        text("at most", rules.max.as_ref().map(ToString::to_string)),
        text("not before", rules.first.as_ref().map(|(_, written)| written.clone())),
        text("not after", rules.last.as_ref().map(|(_, written)| written.clone())),
        text("one of", rules.allowed.as_ref().map(|allowed| allowed.join(", "))),
        text("matches", rules.regex.clone()),
        text("characters at least", rules.min_length.map(|length| length.to_string())),
        text("characters at most", rules.max_length.map(|length| length.to_string())),
        text("absent reads as", column.null_as.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
