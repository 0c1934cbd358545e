//! A comparison for people: calm, aligned, and no wider than a terminal.

use std::fmt::Write;

use anyhow::Result;
use salesmart_base::count::{counted, grouped};
use salesmart_base::sum::Sum;
use salesmart_diff::report::shown;
use salesmart_diff::{Cells, ModelDiff, Outcome, State};
use salesmart_staging::render::Table;

use crate::console::{Console, Ink};

/// Text is broken, and columns of samples are left out, beyond this width.
const WIDTH: usize = 110;

/// Of a changed row, so many cells are shown in text.
const CELLS: usize = 8;

/// Of a column list, so many names are shown in text.
const NAMES: usize = 12;

/// Says every difference, and a last line for all; as JSON lines if the console writes those.
pub fn say(outcome: &Outcome, console: &Console) -> Result<()> {
    for diff in &outcome.models {
        console.finding("diff", &DiffText { diff, console }.text(), &serde_json::to_value(diff)?);
    }
    for view in &outcome.views {
        console.say(&format!(
            "{view} is a view and has no rows of its own: what it changes shows in the models that read it"
        ));
    }
    if outcome.complete {
        console.say(&outcome.summary());
    }
    Ok(())
}

/// The difference of one model, as text for this console.
struct DiffText<'a> {
    diff: &'a ModelDiff,
    console: &'a Console,
}

impl DiffText<'_> {
    fn text(&self) -> String {
        let mut text = format!("{}  {}\n", self.console.ink(Ink::Bold, &self.diff.model), self.headline());
        for line in self.money() {
            line_to(&mut text, &line);
        }
        if !self.diff.cells_changed.is_empty() {
            let counts: Vec<String> = self
                .diff
                .cells_changed
                .iter()
                .map(|cell| format!("{} {}", cell.column, grouped(cell.changed)))
                .collect();
            line_to(&mut text, &format!("cells changed: {}", listed(&counts)));
        }
        if self.diff.state == State::Changed {
            self.columns_to(&mut text);
        }
        if let Some(note) = &self.diff.note {
            line_to(&mut text, &self.console.ink(Ink::Yellow, &format!("note: {note}")));
        }
        self.changed_to(&mut text);
        self.rows_to(&mut text, Ink::Green, "added", self.diff.rows.added, &self.diff.samples.added);
        self.rows_to(&mut text, Ink::Red, "removed", self.diff.rows.removed, &self.diff.samples.removed);
        text
    }

    /// `3,000 → 3,001 rows: 1 added, 2 changed`
    fn headline(&self) -> String {
        let rows = &self.diff.rows;
        match self.diff.state {
            State::New => return format!("is new: {}", counted(rows.after, "row")),
            State::Removed => return format!("is gone: {}", counted(rows.before, "row")),
            State::Changed | State::Same => {}
        }
        let counts = [(rows.added, "added"), (rows.removed, "removed"), (rows.changed, "changed")];
        let counts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(*count)))
            .collect();
        let total = match rows.before == rows.after {
            true => counted(rows.after, "row"),
            false => format!("{} → {}", grouped(rows.before), counted(rows.after, "row")),
        };
        match counts.is_empty() {
            true => format!("{total}, the same in all columns that both have"),
            false => format!("{total}: {}", counts.join(", ")),
        }
    }

    /// The effect on money: revenue in any case, other columns if their sum changed.
    fn money(&self) -> Vec<String> {
        let is_revenue = |column: &str| column.eq_ignore_ascii_case("revenue");
        let shown: Vec<_> =
            self.diff.totals.iter().filter(|total| is_revenue(&total.column) || total.is_changed()).collect();
        let value = |value: &Option<Sum>| value.as_ref().map_or_else(|| "none".to_owned(), Sum::grouped);
        let width = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let name_width = width(&mut shown.iter().map(|total| total.column.clone()));
        let before_width = width(&mut shown.iter().map(|total| value(&total.before)));
        let after_width = width(&mut shown.iter().map(|total| value(&total.after)));
        let line = |total: &&salesmart_diff::totals::Total| {
            let (before, after) = (value(&total.before), value(&total.after));
            let name = format!("{:<name_width$}", total.column);
            let name = if is_revenue(&total.column) { self.console.ink(Ink::Bold, &name) } else { name };
            let delta = match &total.delta {
                None => String::new(),
                Some(_) if !total.is_changed() => return format!("{name}  {before:>before_width$}   no change"),
                Some(delta) if delta.is_negative() => self.console.ink(Ink::Red, &delta.grouped()),
                Some(delta) => self.console.ink(Ink::Green, &format!("+{}", delta.grouped())),
            };
            format!("{name}  {before:>before_width$} → {after:>after_width$}   {delta}").trim_end().to_owned()
        };
        shown.iter().map(line).collect()
    }

    fn columns_to(&self, text: &mut String) {
        let column = |column: &salesmart_staging::relation::Column| format!("{} {}", column.name, column.kind);
        let changes = [
            ("added", self.diff.columns.added.iter().map(column).collect::<Vec<_>>()),
            ("removed", self.diff.columns.removed.iter().map(column).collect()),
            (
                "of another type",
                self.diff
                    .columns
                    .retyped
                    .iter()
                    .map(|column| format!("{} {} → {}", column.name, column.before, column.after))
                    .collect(),
            ),
        ];
        for (what, names) in changes.iter().filter(|(_, names)| !names.is_empty()) {
            line_to(text, &format!("columns {what}: {}", listed(names)));
        }
    }

    fn changed_to(&self, text: &mut String) {
        if self.diff.samples.changed.is_empty() {
            return;
        }
        let heading = self.heading("changed", self.diff.samples.changed.len(), self.diff.rows.changed);
        line_to(text, &self.console.ink(Ink::Yellow, &heading));
        for row in &self.diff.samples.changed {
            let key: Vec<String> = row.key.0.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
            line_to(text, &format!("  {}", key.join(", ")));
            let first = &row.cells[..row.cells.len().min(CELLS)];
            let name_width = first.iter().map(|cell| cell.column.chars().count()).max().unwrap_or(0);
            let before_width = first.iter().map(|cell| shown(&cell.before).chars().count()).max().unwrap_or(0);
            for cell in first {
                let (before, after) = (shown(&cell.before), shown(&cell.after));
                line_to(text, &format!("    {:<name_width$}  {before:>before_width$} → {after}", cell.column));
            }
            if row.cells.len() > CELLS {
                line_to(text, &format!("    and {} more", row.cells.len() - CELLS));
            }
        }
    }

    fn rows_to(&self, text: &mut String, ink: Ink, what: &str, count: u64, rows: &[Cells]) {
        let Some(first) = rows.first() else { return };
        line_to(text, &self.console.ink(ink, &self.heading(what, rows.len(), count)));
        let chosen = self.choose(first, rows);
        let names: Vec<(&str, bool)> = chosen
            .iter()
            .map(|index| {
                let name = first.0[*index].0.as_str();
                (name, self.diff.totals.iter().any(|total| total.column == name))
            })
            .collect();
        let mut table = Table::new(&names);
        for row in rows {
            table.push(chosen.iter().map(|index| Some(shown(&row.0[*index].1))).collect());
        }
        for line in table.to_string().lines() {
            line_to(text, &format!("  {}", line.trim_end()));
        }
        let left = first.0.len() - chosen.len();
        if left > 0 {
            line_to(text, &format!("  and {}; --format json has all", counted(left as u64, "more column")));
        }
    }

    /// The columns of a sample that fit the width: the key and money first, shown in their order.
    fn choose(&self, first: &Cells, rows: &[Cells]) -> Vec<usize> {
        let rank = |name: &str| match (self.diff.key.iter().any(|key| key == name), name) {
            (true, _) => 0,
            (_, name) if self.diff.totals.first().is_some_and(|total| total.column == name) => 1,
            _ => 2,
        };
        let mut order: Vec<usize> = (0..first.0.len()).collect();
        order.sort_by_key(|index| rank(&first.0[*index].0));
        let mut chosen = Vec::new();
        let mut left = WIDTH;
        for index in order {
            let values = rows.iter().map(|row| shown(&row.0[index].1).chars().count());
            let needed = values.chain([first.0[index].0.chars().count()]).max().unwrap_or(0) + 2;
            if needed > left && rank(&first.0[index].0) > 0 {
                break;
            }
            left = left.saturating_sub(needed);
            chosen.push(index);
        }
        chosen.sort_unstable();
        chosen
    }

    /// `changed, 5 of 12 by sale_id`
    fn heading(&self, what: &str, shown: usize, count: u64) -> String {
        if shown as u64 == count {
            return what.to_owned();
        }
        let by = if self.diff.key.is_empty() { String::new() } else { format!(" by {}", self.diff.key.join(", ")) };
        format!("{what}, the first {shown} of {}{by}", grouped(count))
    }
}

fn line_to(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {line}");
}

/// A list with commas, cut where it gets long.
fn listed(items: &[String]) -> String {
    let first = items.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match items.len() > NAMES {
        true => format!("{first} and {} more", items.len() - NAMES),
        false => first,
    }
}
