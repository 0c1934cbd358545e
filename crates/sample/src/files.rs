//! Writes the sample: one file per month, one of corrections, and the manifest.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use salesmart_base::failure::Failure;
use salesmart_base::whole_file::{self, Draft};
use serde::Serialize;

use super::dirt::{self, Broken, Fate, Planted};
use super::lines::{self, Line};
use super::world::World;
use super::{Dice, Size};

const HEADER: &str = "Transaction ID,Order ID,Sold At,Customer ID,Customer Name,Product ID,Product,Category,Region,City,Store,Quantity,Unit Price,Revenue,Cost,Discount Amount";

/// What the sample holds, and what a correct run has to arrive at.
#[derive(Debug, Serialize)]
pub struct Manifest {
    rows: u64,
    days: u32,
    seed: u64,
    files: Vec<String>,
    /// Records in all files, headers not counted.
    records: u64,
    /// Records that ingest has to refuse.
    rejects: u64,
    /// Sale lines after cleaning.
    sale_lines: u64,
    /// Net revenue after cleaning, exactly.
    revenue: String,
    /// Discounts, net of those on returned goods, exactly.
    discount_amount: String,
    planted_dirt: Planted,
    planted_findings: [&'static str; 6],
}

/// Generates the sample into a folder.
pub fn write(size: Size, folder: &Path) -> Result<Manifest> {
    if size.rows == 0 || size.days == 0 {
        return Err(Failure::new("a sample needs at least one row and one day").into());
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut dice = Dice::new(size.seed);
    let world = World::new(size, &mut dice);
    let mut lines = lines::draw(size, &world, &mut dice);
    let mut planted = Planted::default();
    let mut records = 0;
    let mut files: BTreeMap<String, Draft> = BTreeMap::new();
    for line in &mut lines {
        let fate = dirt::fate(line, &mut dice, &mut planted);
        let name = line.sold_at.format("sales_%Y-%m.csv").to_string();
        let out = open(&mut files, folder, &name)?;
        let mut texts = vec![record(line, fate == Fate::OtherDate)];
        match fate {
            Fate::Twice => texts.push(texts[0].clone()),
            Fate::WithBroken(broken) => texts.push(break_record(line, broken)),
            Fate::Clean | Fate::OtherDate => {}
        }
        records += texts.len() as u64;
        for text in texts {
            writeln!(out, "{text}")?;
        }
    }
    for line in &mut lines {
        if dirt::correct(line, &mut dice, &mut planted) {
            records += 1;
            writeln!(open(&mut files, folder, "sales_corrections.csv")?, "{}", record(line, false))?;
        }
    }
    let names: Vec<String> = files.keys().cloned().collect();
    for (name, file) in files {
        file.finish().with_context(|| format!("cannot write {name}"))?;
    }
    let revenue: i64 = lines.iter().map(Line::net_revenue).sum();
    let manifest = Manifest {
        rows: size.rows,
        days: size.days,
        seed: size.seed,
        files: names,
        records,
        rejects: planted.rejects(),
        sale_lines: lines.len() as u64,
        revenue: amount(revenue),
        discount_amount: amount(lines.iter().map(Line::net_discount).sum()),
        planted_dirt: planted,
        planted_findings: [
            "about 20 % of the products make 80 % of the revenue",
            "the fourth quarter is the strongest",
            "region North has the most revenue and loses the most customers",
            "customers buy less in the third month after their first order",
            "Electronics has the highest margin and the lowest volume",
            "Clothing gives the deepest discounts, and nobody buys more for them",
        ],
    };
    let path = folder.join("manifest.json");
    let text = serde_json::to_string_pretty(&manifest)?;
    whole_file::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(manifest)
}

impl Manifest {
    /// One line for the terminal.
    pub fn describe(&self) -> String {
        format!("{} records in {} files, {} of them broken on purpose", self.records, self.files.len(), self.rejects)
    }
}

fn open<'f>(files: &'f mut BTreeMap<String, Draft>, folder: &Path, name: &str) -> Result<&'f mut Draft> {
    if !files.contains_key(name) {
        let path = folder.join(name);
        let context = || format!("cannot write {}", path.display());
        let mut file = Draft::of(&path).with_context(context)?;
        writeln!(file, "{HEADER}").with_context(context)?;
        files.insert(name.to_owned(), file);
    }
    files.get_mut(name).context("the file was just opened")
}

fn record(line: &Line, other_date: bool) -> String {
    fields(line, other_date).join(",")
}

fn fields(line: &Line, other_date: bool) -> Vec<String> {
    let date = if other_date { "%d/%m/%Y" } else { "%Y-%m-%d %H:%M:%S" };
    let (customer, customer_name) = line.customer.clone().unwrap_or_default();
    let (region, city, store) = line.place.clone().unwrap_or_default();
    vec![
        line.transaction.clone(),
        line.order.clone(),
        line.sold_at.format(date).to_string(),
        customer,
        customer_name,
        line.product.clone(),
        quoted(&line.product_name),
        line.category.unwrap_or_default().to_owned(),
        region.to_owned(),
        city.to_owned(),
        store,
        line.quantity.to_string(),
        amount(line.unit_price),
        line.revenue.map(amount).unwrap_or_default(),
        line.cost.map(amount).unwrap_or_default(),
        if line.discount_each == 0 { String::new() } else { amount(line.discount()) },
    ]
}

/// A broken copy of a record. Its key is its own, so that it could not pass for the sound one.
fn break_record(line: &Line, broken: Broken) -> String {
    let mut fields = fields(line, false);
    fields[0].push('X');
    match broken {
        Broken::Date => fields[2] = line.sold_at.format("%Y-02-31 %H:%M:%S").to_string(),
        Broken::TooMany => fields.push("surplus".to_owned()),
        Broken::TooFew => {
            fields.pop();
        }
        Broken::Text => fields[11] = "two".to_owned(),
        Broken::NoProduct => fields[5].clear(),
    }
    fields.join(",")
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Ten-thousandths as text, with at least two places: `12.50`, `0.995`.
fn amount(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, fraction) = (value.unsigned_abs() / 10_000, value.unsigned_abs() % 10_000);
    let places = format!("{fraction:04}");
    let kept = places.trim_end_matches('0').len().max(2);
    format!("{sign}{whole}.{}", &places[..kept])
}

#[cfg(test)]
mod tests {
    use super::amount;

    #[test]
    fn amounts_have_two_to_four_places() {
        assert_eq!(amount(125_000), "12.50");
        assert_eq!(amount(-9_950), "-0.995");
        assert_eq!(amount(1), "0.0001");
        assert_eq!(amount(0), "0.00");
    }
}
