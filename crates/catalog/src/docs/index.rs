//! The first page: how everything hangs together, and all models.

use maud::{Markup, html};
use page::Place;
use salesmart_base::count::counted;

use super::{Site, page};
use crate::lineage::svg;

pub(super) fn page(site: &Site<'_>) -> Markup {
    let link = page::link_of(Place::Models);
    let options = svg::Options { columns: false, focus: None, href: &link };
    let (sources, models) = (site.contracts.len() as u64, site.models.models.len() as u64);
    page::frame(
        "Sales mart",
        Place::Models,
        &html! {
            h1 { "Sales mart" }
            p.soft {
                (counted(sources, "source")) ", " (counted(models, "model")) ", "
                (counted(site.models.checks.len() as u64, "check")) "."
                @if site.inventory.built.is_empty() { " Nothing is built yet, so there are no rows to count." }
            }
            (page::drawing(site.lineage, options))
            h2 { "Models" }
            div.wide {
                table {
                    thead {
                        tr { th { "Model" } th { "What it is" } th { "Layer" } th { "Kept as" } th.number { "Rows" } th { "State" } }
                    }
                    tbody {
                        @for node in site.compiled.graph.nodes.iter() {
                            tr {
                                td.mono { a href=(page::href(&node.model.name, Place::Models)) { (node.model.name) } }
                                td.text { (page::first_sentence(&node.model.description)) }
                                td { (node.model.layer.name()) }
                                td { (node.model.materialized.name()) }
                                td.number { (site.rows(node.model).unwrap_or_default()) }
                                td.state { (page::verdict(site.inventory.state(&node.model.name).name())) }
                            }
                        }
                    }
                }
            }
        },
    )
}
