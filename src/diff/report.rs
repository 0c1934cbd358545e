//! A comparison for people: calm, aligned, and no wider than a terminal; and for programs: JSON.

use std::fmt::Write;

use anyhow::Result;
use serde_json::Value;

use super::{Against, Cells, ModelDiff, Outcome, State};
use crate::console::{Console, Ink, counted, grouped};
use crate::fail;
use crate::render::Table;

/// Text is broken, and columns of samples are left out, beyond this width.
const WIDTH: usize = 110;

/// Longer values of samples are cut in text.
const LONGEST: usize = 48;

/// Of a changed row, so many cells are shown in text.
const CELLS: usize = 8;

/// Of a column list, so many names are shown in text.
const NAMES: usize = 12;

impl Outcome {
    /// Says every difference, and a last line for all; as JSON lines if the console writes those.
    pub fn say(&self, console: &Console) -> Result<()> {
        for diff in &self.models {
            console.finding("diff", &diff.text(console), &serde_json::to_value(diff)?);
        }
        for view in &self.views {
            console.say(&format!(
                "{view} is a view and has no rows of its own: what it changes shows in the models that read it"
            ));
        }
        if self.complete {
            console.say(&self.summary());
        }
        Ok(())
    }

    /// One line for all models.
    pub fn summary(&self) -> String {
        match self.models.is_empty() {
            true => {
                let same = counted(self.same.len() as u64, "model");
                format!("no differences: {same} compared with {}", self.other_side())
            }
            false => format!("{}, {} the same", self.how_many_differ(), grouped(self.same.len() as u64)),
        }
    }

    /// An error for those who want none to differ.
    ///
    /// # Errors
    /// Some do.
    pub fn refuse(&self) -> Result<()> {
        if self.models.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.models.iter().map(|diff| diff.model.as_str()).collect();
        fail!("{}: {}", self.how_many_differ(), names.join(", "))
    }

    /// `2 models differ from what is published`
    fn how_many_differ(&self) -> String {
        let verb = if self.models.len() == 1 { "differs" } else { "differ" };
        format!("{} {verb} from {}", counted(self.models.len() as u64, "model"), self.other_side())
    }

    fn other_side(&self) -> String {
        match &self.against {
            Against::Published => "what is published".to_owned(),
            Against::Postgres => "what PostgreSQL holds".to_owned(),
            Against::Revision(revision) => format!("the models as of {revision}"),
        }
    }

    /// One JSON document.
    pub fn json(&self) -> Result<String> {
        let mut document = serde_json::to_value(self)?;
        if let Value::Object(fields) = &mut document {
            fields.insert("differs".to_owned(), Value::Bool(!self.models.is_empty()));
        }
        Ok(document.to_string())
    }
}

impl ModelDiff {
    fn text(&self, console: &Console) -> String {
        let mut text = format!("{}  {}\n", console.ink(Ink::Bold, &self.model), self.headline());
        for line in self.money(console) {
            line_to(&mut text, &line);
        }
        if !self.cells_changed.is_empty() {
            let counts: Vec<String> =
                self.cells_changed.iter().map(|cell| format!("{} {}", cell.column, grouped(cell.changed))).collect();
            line_to(&mut text, &format!("cells changed: {}", listed(&counts)));
        }
        if self.state == State::Changed {
            self.columns_to(&mut text);
        }
        if let Some(note) = &self.note {
            line_to(&mut text, &console.ink(Ink::Yellow, &format!("note: {note}")));
        }
        self.changed_to(&mut text, console);
        self.rows_to(&mut text, console, Ink::Green, "added", self.rows.added, &self.samples.added);
        self.rows_to(&mut text, console, Ink::Red, "removed", self.rows.removed, &self.samples.removed);
        text
    }

    /// `3,000 → 3,001 rows: 1 added, 2 changed`
    fn headline(&self) -> String {
        let rows = &self.rows;
        match self.state {
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
    fn money(&self, console: &Console) -> Vec<String> {
        let is_revenue = |column: &str| column.eq_ignore_ascii_case("revenue");
        let shown: Vec<_> =
            self.totals.iter().filter(|total| is_revenue(&total.column) || total.is_changed()).collect();
        let value = |value: &Option<String>| value.as_deref().map_or_else(|| "none".to_owned(), thousands);
        let width = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let name_width = width(&mut shown.iter().map(|total| total.column.clone()));
        let before_width = width(&mut shown.iter().map(|total| value(&total.before)));
        let after_width = width(&mut shown.iter().map(|total| value(&total.after)));
        let line = |total: &&super::Total| {
            let (before, after) = (value(&total.before), value(&total.after));
            let name = format!("{:<name_width$}", total.column);
            let name = if is_revenue(&total.column) { console.ink(Ink::Bold, &name) } else { name };
            let delta = match &total.delta {
                None => String::new(),
                Some(_) if !total.is_changed() => return format!("{name}  {before:>before_width$}   no change"),
                Some(delta) if delta.starts_with('-') => console.ink(Ink::Red, &thousands(delta)),
                Some(delta) => console.ink(Ink::Green, &format!("+{}", thousands(delta))),
            };
            format!("{name}  {before:>before_width$} → {after:>after_width$}   {delta}").trim_end().to_owned()
        };
        shown.iter().map(line).collect()
    }

    fn columns_to(&self, text: &mut String) {
        let column = |column: &crate::relation::Column| format!("{} {}", column.name, column.kind);
        let changes = [
            ("added", self.columns.added.iter().map(column).collect::<Vec<_>>()),
            ("removed", self.columns.removed.iter().map(column).collect()),
            (
                "of another type",
                self.columns
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

    fn changed_to(&self, text: &mut String, console: &Console) {
        if self.samples.changed.is_empty() {
            return;
        }
        let heading = self.heading("changed", self.samples.changed.len(), self.rows.changed);
        line_to(text, &console.ink(Ink::Yellow, &heading));
        for row in &self.samples.changed {
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

    fn rows_to(&self, text: &mut String, console: &Console, ink: Ink, what: &str, count: u64, rows: &[Cells]) {
        let Some(first) = rows.first() else { return };
        line_to(text, &console.ink(ink, &self.heading(what, rows.len(), count)));
        let chosen = self.choose(first, rows);
        let names: Vec<(&str, bool)> = chosen
            .iter()
            .map(|index| {
                let name = first.0[*index].0.as_str();
                (name, self.totals.iter().any(|total| total.column == name))
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
        let rank = |name: &str| match (self.key.iter().any(|key| key == name), name) {
            (true, _) => 0,
            (_, name) if self.totals.first().is_some_and(|total| total.column == name) => 1,
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
        let by = if self.key.is_empty() { String::new() } else { format!(" by {}", self.key.join(", ")) };
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

/// A value in one line.
fn shown(value: &Option<String>) -> String {
    let Some(value) = value else { return "NULL".to_owned() };
    if value.is_empty() {
        return "''".to_owned();
    }
    let escaped: String = value
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    match escaped.chars().count() > LONGEST {
        true => escaped.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => escaped,
    }
}

/// `-1234567.8900` is `-1,234,567.8900`.
fn thousands(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", number),
    };
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let mut out = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_before_the_point_only() {
        let cases = [
            ("0.0000", "0.0000"),
            ("-999.12345", "-999.12345"),
            ("1234567.8900", "1,234,567.8900"),
            ("-123456", "-123,456"),
            ("1000", "1,000"),
        ];
        for (number, expected) in cases {
            assert_eq!(thousands(number), expected);
        }
    }

    #[test]
    fn values_stay_in_one_line() {
        assert_eq!(shown(&None), "NULL");
        assert_eq!(shown(&Some(String::new())), "''");
        assert_eq!(shown(&Some("a\nb\x1b[31m".to_owned())), "a\\nb\\u{1b}[31m");
        assert_eq!(shown(&Some("ä".repeat(60))).chars().count(), LONGEST);
    }
}
