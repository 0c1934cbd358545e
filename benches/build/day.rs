//! One day's file: 100,000 records, of which 500 are newer versions of lines of the seven days before.
//!
//! Every order has dice of its own, so that a correction can look at the line it corrects without the file it is in.

use chrono::{Days, NaiveDate};
use salesmart_sample::Dice;

use crate::world::{CUSTOMERS, PRODUCTS, World};

/// The number of the day that is measured; histories end the day before.
pub const MEASURED: u64 = 1_000;
/// Records of a file.
pub const RECORDS: u64 = 100_000;

const CORRECTIONS: u64 = 500;
/// How far back corrections reach.
pub const CORRECTED_DAYS: u64 = 7;
const LINES: u64 = RECORDS - CORRECTIONS;
/// The lines of four orders in a row: first line and how many.
const CYCLE: [(u64, u64); 4] = [(0, 3), (3, 1), (4, 4), (8, 2)];
const CYCLE_LINES: u64 = 10;
const ORDERS: u64 = LINES / CYCLE_LINES * CYCLE.len() as u64;
/// After so many new lines comes a correction.
const STRIDE: u64 = LINES / CORRECTIONS;

const HEADER: &str = "Transaction ID,Order ID,Sold At,Customer ID,Customer Name,Product ID,Product,Category,Region,\
                      City,Store,Quantity,Unit Price,Revenue,Cost\n";

/// The date of a day.
pub fn date(day: u64) -> NaiveDate {
    // So that the twenty days of the smallest usual history are the days of one month before it.
    let measured = NaiveDate::from_ymd_opt(2024, 7, 21).unwrap_or_default();
    measured + Days::new(day) - Days::new(MEASURED)
}

/// The name of its file.
pub fn file_name(day: u64) -> String {
    format!("sales_{}.csv", date(day))
}

/// What is in it.
pub fn content(world: &World, day: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 << 20);
    out.extend_from_slice(HEADER.as_bytes());
    let mut lines = Vec::with_capacity(4);
    let mut written = 0;
    for number in 0..ORDERS {
        order(world, day, number, &mut lines);
        for line in &lines {
            line.write(world, &mut out);
            written += 1;
            if written % STRIDE == 0 {
                correction(world, day, written / STRIDE).write(world, &mut out);
            }
        }
    }
    out
}

/// A sale line. Amounts are in ten-thousandths.
struct Line {
    day: u64,
    /// In the day.
    order: u64,
    /// In the day.
    number: u64,
    customer: Option<usize>,
    place: usize,
    product: usize,
    has_category: bool,
    quantity: i64,
    has_revenue: bool,
    has_cost: bool,
}

/// Draws the lines of an order.
fn order(world: &World, day: u64, number: u64, lines: &mut Vec<Line>) {
    let mut dice = Dice::new(day * ORDERS + number);
    let buyer = dice.below(CUSTOMERS) as usize;
    let customer = (!dice.chance(50)).then_some(buyer);
    let (first, count) = CYCLE[(number % 4) as usize];
    let first = number / 4 * CYCLE_LINES + first;
    lines.clear();
    for number_of_line in first..first + count {
        // Half of the lines fall to all products alike, so that each is sold every day; the others prefer the older ones.
        let drawn = dice.below(PRODUCTS);
        let drawn = if dice.chance(500) { drawn } else { drawn.min(dice.below(PRODUCTS)) };
        let quantity = 1 + dice.below(6).min(dice.below(6)) as i64;
        lines.push(Line {
            day,
            order: number,
            number: number_of_line,
            customer,
            place: buyer % world.places.len(),
            product: (2 * day + drawn) as usize,
            has_category: !dice.chance(10),
            quantity: if dice.chance(10) { -quantity } else { quantity },
            has_revenue: !dice.chance(5),
            has_cost: !dice.chance(20),
        });
    }
}

/// A newer version of a line of the last days: one piece more, and the revenue is stated now.
fn correction(world: &World, day: u64, number: u64) -> Line {
    let back = 1 + number % CORRECTED_DAYS;
    // Steps of the stride meet no line twice; the shift has every day back correct other lines.
    let line = (number * STRIDE + back * 29) % LINES;
    let place = line % CYCLE_LINES;
    let in_cycle = CYCLE.partition_point(|(first, _)| *first <= place) - 1;
    let mut lines = Vec::with_capacity(4);
    order(world, day - back, line / CYCLE_LINES * 4 + in_cycle as u64, &mut lines);
    let mut line = lines.swap_remove((place - CYCLE[in_cycle].0) as usize);
    line.quantity += line.quantity.signum();
    line.has_revenue = true;
    line
}

impl Line {
    fn write(&self, world: &World, out: &mut Vec<u8>) {
        let product = &world.products[self.product];
        out.push(b'T');
        digits(out, self.day * LINES + self.number + 1, 10);
        out.extend_from_slice(b",O");
        digits(out, self.day * ORDERS + self.order + 1, 9);
        out.push(b',');
        self.write_moment(out);
        out.push(b',');
        match self.customer {
            Some(customer) => out.extend_from_slice(world.customers[customer].as_bytes()),
            None => out.push(b','),
        }
        out.push(b',');
        out.extend_from_slice(product.fields.as_bytes());
        out.push(b',');
        if self.has_category {
            out.extend_from_slice(product.category.as_bytes());
        }
        out.push(b',');
        out.extend_from_slice(world.places[self.place].as_bytes());
        out.push(b',');
        if self.quantity < 0 {
            out.push(b'-');
        }
        digits(out, self.quantity.unsigned_abs(), 1);
        out.push(b',');
        amount(out, product.price);
        out.push(b',');
        if self.has_revenue {
            amount(out, self.quantity * product.price);
        }
        out.push(b',');
        if self.has_cost {
            amount(out, self.quantity * product.cost);
        }
        out.push(b'\n');
    }

    fn write_moment(&self, out: &mut Vec<u8>) {
        // Shops are open from eight to eight, and orders come evenly.
        let second = 8 * 3_600 + self.order * 12 * 3_600 / ORDERS;
        out.extend_from_slice(date(self.day).to_string().as_bytes());
        for (sign, part) in [(b' ', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)] {
            out.push(sign);
            digits(out, part, 2);
        }
    }
}

/// A number with at least so many digits.
fn digits(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = out.len();
    while number > 0 || out.len() - start < width {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
    }
    out[start..].reverse();
}

/// Ten-thousandths with two to four places.
fn amount(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    digits(out, value.unsigned_abs() / 10_000, 1);
    out.push(b'.');
    let fraction = value.unsigned_abs() % 10_000;
    match (fraction % 10, fraction % 100) {
        (_, 0) => digits(out, fraction / 100, 2),
        (0, _) => digits(out, fraction / 10, 3),
        _ => digits(out, fraction, 4),
    }
}
