//! The page of one model.

use maud::{Markup, html};
use page::Place;
use salesmart_model::{Layer, Model};

use super::{Site, page};
use crate::lineage::origin::Origin;
use crate::lineage::{Direction, Focus, svg};

pub(super) fn page(site: &Site<'_>, model: &Model) -> Markup {
    let focus = Focus { relation: model.name.clone(), column: None };
    let part = site.lineage.part(&focus, Direction::Both);
    let link = page::link_of(Place::Model);
    let options = svg::Options { columns: false, focus: Some(&model.name), href: &link };
    page::frame(
        &model.name,
        Place::Model,
        &html! {
            h1 { (model.name) }
            p {
                span.tag { (model.layer.name()) }
                span.tag { (model.materialized.name()) }
                @for tag in &model.tags { span.tag { "tag: " (tag) } }
            }
            (page::prose(&model.description))
            (facts(site, model))
            h2 { "Lineage" }
            (page::drawing(&part, options))
            h2 { "Columns" }
            (columns(site, model))
            h2 { "Checks" }
            (checks(site, model))
            h2 { "SQL" }
            pre tabindex="0" { code { (model.sql) } }
        },
    )
}

fn facts(site: &Site<'_>, model: &Model) -> Markup {
    let by: Vec<String> = model
        .by
        .iter()
        .map(|by| by.expression.as_ref().map_or_else(|| by.name.clone(), |text| format!("{text} as {}", by.name)))
        .collect();
    let is_own = |by: &[String]| by != model.key.as_slice();
    let reads = site.lineage.get(&model.name).map(|relation| relation.reads.clone()).unwrap_or_default();
    html! {
        dl {
            dt { "State" }
            dd { (page::verdict(site.inventory.state(&model.name).name())) }
            @if let Some(rows) = site.rows(model) { dt { "Rows" } dd { (rows) } }
            dt { "Key" }
            dd { @if model.key.is_empty() { span.soft { "none declared" } } @else { code { (model.key.join(", ")) } } }
            @if is_own(&by) { dt { "Incremental by" } dd { code { (by.join(", ")) } } }
            @if !model.lookups.is_empty() { dt { "Looks up" } dd { code { (model.lookups.join(", ")) } } }
            @if let Some(column) = &model.cluster { dt { "Sorted by" } dd { code { (column) } } }
            @if let Some(column) = &model.partition { dt { "Partitioned by month of" } dd { code { (column) } } }
            dt { "Reads" }
            dd {
                @if reads.is_empty() { span.soft { "nothing" } }
                (page::models(reads.iter().map(String::as_str), Place::Model))
            }
            dt { "Read by" }
            dd {
                @let readers = site.lineage.read_by(&model.name);
                @if readers.is_empty() { span.soft { "no model" } }
                (page::models(readers.into_iter(), Place::Model))
            }
            @if model.is_pushed() { dt { "In the warehouse" } dd { code { "mart." (model.name) } } }
            dt { "File" }
            dd { code { (site.config.relative(&model.path)) } }
        }
    }
}

fn columns(site: &Site<'_>, model: &Model) -> Markup {
    let traced = site.lineage.get(&model.name).map(|relation| relation.columns.as_slice()).unwrap_or_default();
    // Only marts have a table in the warehouse, where the comments are.
    let comment = |column: &str| match model.layer {
        Layer::Mart => site.comments.of_column(&model.name, column),
        _ => None,
    };
    let has_comments = traced.iter().any(|traced| comment(&traced.column.name).is_some());
    html! {
        div.wide {
            table {
                thead {
                    tr {
                        th { "Column" } th { "Type" }
                        @if has_comments { th { "What it is" } }
                        th { "Computed from" } th { "Used by" }
                    }
                }
                tbody {
                    @for traced in traced {
                        @let name = &traced.column.name;
                        @let origin = Origin { relation: model.name.clone(), column: Some(name.clone()) };
                        tr id=(page::anchor(name)) {
                            td.mono { (name) }
                            td.mono { (traced.column.kind.to_lowercase()) }
                            @if has_comments { td.text { (comment(name).unwrap_or_default()) } }
                            td.text { (page::origins(&traced.origins, Place::Model)) }
                            td.text {
                                @let users = crate::lineage::origin::Origins {
                                    from: site.lineage.used_by(&origin).into_iter().collect(), is_unknown: false,
                                };
                                @if !users.from.is_empty() { (page::origins(&users, Place::Model)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn checks(site: &Site<'_>, model: &Model) -> Markup {
    let own: Vec<_> = site.checks_of(&model.name).collect();
    if own.is_empty() && model.key.is_empty() {
        return html! { p.soft { "No check reads this model, and it declares no key." } };
    }
    html! {
        div.wide {
            table {
                thead { tr { th { "Check" } th { "What it says" } th { "Severity" } th { "Last result" } } }
                tbody {
                    @if !model.key.is_empty() {
                        tr {
                            td.mono { (model.name) "_key" }
                            td.text { "The key (" (model.key.join(", ")) ") is unique and never NULL." }
                            td { "error" }
                            td.state { (page::verdict(&site.inventory.key_verdict(&model.name))) }
                        }
                    }
                    @for check in own {
                        tr {
                            td.mono { a href={ "../checks.html#" (page::anchor(&check.name)) } { (check.name) } }
                            td.text { (page::first_sentence(&check.description)) }
                            td { (check.severity.name()) }
                            td.state { (page::verdict(&site.inventory.verdict(check))) }
                        }
                    }
                }
            }
        }
    }
}
