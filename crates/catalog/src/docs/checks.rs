//! The page of checks.

use maud::{Markup, html};
use page::Place;

use super::{Site, page};

pub(super) fn page(site: &Site<'_>) -> Markup {
    let keyed = || site.models.models.values().filter(|model| !model.key.is_empty());
    page::frame(
        "Checks",
        Place::Checks,
        &html! {
            h1 { "Checks" }
            p.soft { "A check is a query that returns the offending rows. If one of severity error finds any, nothing is published." }
            @for check in &site.models.checks {
                h2.mono id=(page::anchor(&check.name)) { (check.name) }
                (page::prose(&check.description))
                dl {
                    dt { "Last result" } dd { (page::verdict(&site.inventory.verdict(check))) }
                    dt { "Severity" } dd { (check.severity.name()) }
                    @if check.tolerance > 0 { dt { "Tolerance" } dd { (check.tolerance) " rows" } }
                    dt { "Reads" }
                    dd {
                        @let reads = site.check_reads.get(&check.name);
                        (page::models(reads.into_iter().flatten().map(String::as_str), Place::Checks))
                    }
                    dt { "File" } dd { code { (site.config.relative(&check.path)) } }
                }
                details { summary { "SQL" } pre tabindex="0" { code { (check.sql) } } }
            }
            h2 { "Keys" }
            p.soft { "Built in: the declared key of a model is unique and never NULL." }
            div.wide {
                table {
                    thead { tr { th { "Model" } th { "Key" } th { "Last result" } } }
                    tbody {
                        @for model in keyed() {
                            tr {
                                td.mono { a href=(page::href(&model.name, Place::Checks)) { (model.name) } }
                                td.mono { (model.key.join(", ")) }
                                td.state { (page::verdict(&site.inventory.key_verdict(&model.name))) }
                            }
                        }
                    }
                }
            }
        },
    )
}
