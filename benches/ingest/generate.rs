//! The file that is loaded: sales as a shop exports them, well-formed, the same bytes for the same number of rows.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{Days, NaiveDate};
use salesmart_sample::Dice;

/// Columns and their types, as the contract and `read_csv` both write them.
pub const COLUMNS: [(&str, &str); 14] = [
    ("transaction_id", "varchar"),
    ("order_id", "varchar"),
    ("sold_at", "timestamp"),
    ("customer_id", "varchar"),
    ("customer_name", "varchar"),
    ("product_id", "varchar"),
    ("product_name", "varchar"),
    ("category", "varchar"),
    ("region", "varchar"),
    ("store", "varchar"),
    ("quantity", "integer"),
    ("unit_price", "decimal(18,4)"),
    ("discount", "decimal(5,2)"),
    ("revenue", "decimal(18,2)"),
];

const DAYS: u64 = 730;
const PRODUCTS: u64 = 2_000;
const CUSTOMERS: u64 = 100_000;

const ADJECTIVES: [&str; 8] = ["Classic", "Smart", "Mini", "Royal", "Eco", "Nordic", "Urban", "Golden"];
const CATEGORIES: [(&str, [&str; 4]); 5] = [
    ("Electronics", ["Headphones", "Speaker", "Tablet", "Cable 3/4\" plug"]),
    ("Home", ["Lamp", "Blanket", "Kettle", "Shelf, oak"]),
    ("Clothing", ["Jacket", "Scarf", "Sneakers", "Shirt"]),
    ("Toys", ["Puzzle", "Blocks", "Doll, boxed", "Kite"]),
    ("Grocery", ["Coffee", "Tea", "Olive Oil", "Chocolate \"Noir\""]),
];
const FIRST: [&str; 10] = ["Anna", "Ben", "Chloë", "David", "Eva", "Félix", "Greta", "Hugo", "Zoë", "Jonas"];
const LAST: [&str; 10] =
    ["Müller", "Schmidt", "Weber", "Fischer", "Becker", "Wolf", "Krüger", "Łukasik", "Vogel", "Groß"];
const PLACES: [(&str, [&str; 3]); 4] = [
    ("North", ["Hamburg", "Bremen", "Kiel"]),
    ("South", ["München", "Nürnberg", "Ulm"]),
    ("East", ["Berlin", "Leipzig", "Dresden"]),
    ("West", ["Köln", "Essen", "Bonn"]),
];
/// In hundredths of a percent.
const DISCOUNTS: [u64; 6] = [250, 500, 750, 1_000, 1_250, 2_000];

/// Writes the file unless it is there with the size it would have; returns that size.
pub fn ensure(path: &Path, rows: u64) -> Result<u64> {
    let bytes = write(rows, Counter(0)).context("cannot count the bytes of the file")?.0;
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.len() == bytes) {
        return Ok(bytes);
    }
    let create = || -> io::Result<()> {
        let file = write(rows, BufWriter::with_capacity(1 << 20, File::create(path)?))?.into_inner()?;
        // Else the first rounds compete with its way to the disk.
        file.sync_all()
    };
    create().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(bytes)
}

/// Takes text and keeps its length: the size of the file is known without a note beside it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0 += text.len() as u64;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Product {
    /// The fields from code to category.
    fields: String,
    /// In ten-thousandths.
    price: u64,
    /// Sold by weight: the price has four decimals.
    fine: bool,
}

fn write<W: Write>(rows: u64, mut out: W) -> io::Result<W> {
    let mut dice = Dice::new(1);
    let products: Vec<Product> = (1..=PRODUCTS).map(|number| product(number, &mut dice)).collect();
    let customers: Vec<(String, String)> = (1..=CUSTOMERS).map(|number| customer(number, &mut dice)).collect();
    let start = NaiveDate::from_ymd_opt(2023, 1, 1).unwrap_or_default();
    let days: Vec<String> = (0..DAYS).map(|day| (start + Days::new(day)).to_string()).collect();

    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    writeln!(out, "{}", names.join(","))?;
    let (mut order, mut lines_left) = (0, 0);
    let mut head = String::new();
    let mut place = "";
    for row in 0..rows {
        if lines_left == 0 {
            order += 1;
            lines_left = 1 + dice.below(4);
            let (who, where_to) = &customers[dice.below(CUSTOMERS) as usize];
            place = where_to;
            let day = &days[(row * DAYS / rows) as usize];
            // Shops are open from eight to eight.
            let second = 8 * 3_600 + dice.below(12 * 3_600);
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            head = format!("O{order:08},{day} {hour:02}:{minute:02}:{second:02},{who}");
        }
        lines_left -= 1;
        // Of two draws the lower: some products sell more than others.
        let product = &products[dice.below(PRODUCTS).min(dice.below(PRODUCTS)) as usize];
        write!(out, "T{:09},{head},{},{place},", row + 1, product.fields)?;
        amounts(product, &mut dice, &mut out)?;
    }
    out.flush()?;
    Ok(out)
}

/// The fields from quantity to revenue.
fn amounts(product: &Product, dice: &mut Dice, out: &mut impl Write) -> io::Result<()> {
    // One in a hundred is a refund.
    let sign = if dice.chance(10) { "-" } else { "" };
    let quantity = 1 + dice.below(6).min(dice.below(6));
    let discount = dice.chance(350).then(|| DISCOUNTS[dice.below(6) as usize]);
    let price = product.price;
    // Price in 1/10,000 times the rest in 1/10,000, in cents, rounded half up.
    let cents = (quantity * price * (10_000 - discount.unwrap_or(0)) + 500_000) / 1_000_000;
    write!(out, "{sign}{quantity},{}.", price / 10_000)?;
    match product.fine {
        true => write!(out, "{:04},", price % 10_000)?,
        false => write!(out, "{:02},", price / 100 % 100)?,
    }
    if let Some(discount) = discount {
        write!(out, "{}.{:02}", discount / 100, discount % 100)?;
    }
    writeln!(out, ",{sign}{}.{:02}", cents / 100, cents % 100)
}

fn product(number: u64, dice: &mut Dice) -> Product {
    let (category, nouns) = CATEGORIES[(number % 5) as usize];
    let (adjective, noun) = (ADJECTIVES[dice.below(8) as usize], nouns[dice.below(4) as usize]);
    let name = format!("{adjective} {noun} {}", number % 1_000);
    let fine = category == "Grocery";
    let price = if fine { 9_900 + dice.below(140_000) } else { (590 + dice.below(24_000)) * 100 };
    Product { fields: format!("P{number:05},{},{category}", quoted(&name)), price, fine }
}

/// Code and name, and where the customer buys.
fn customer(number: u64, dice: &mut Dice) -> (String, String) {
    let (first, last) = (FIRST[dice.below(10) as usize], LAST[dice.below(10) as usize]);
    let name = if dice.chance(30) { format!("{last}, {first}") } else { format!("{first} {last}") };
    let (region, cities) = PLACES[dice.below(4) as usize];
    let store = format!("{} {}", cities[dice.below(3) as usize], 1 + dice.below(3));
    (format!("C{number:06},{}", quoted(&name)), format!("{region},{store}"))
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
