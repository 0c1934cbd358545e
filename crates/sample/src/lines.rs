//! The sale lines of the sample, before dirt.

use chrono::{NaiveDateTime, NaiveTime};

use super::world::World;
use super::{Dice, Size};

/// One sale line, as the exporting system would write it. Amounts are in ten-thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Key of the line.
    pub transaction: String,
    /// Key of the order.
    pub order: String,
    /// Moment.
    pub sold_at: NaiveDateTime,
    /// Customer code and name, unless unknown.
    pub customer: Option<(String, String)>,
    /// Product code.
    pub product: String,
    /// Product name.
    pub product_name: String,
    /// The category that the product belongs to, whether or not the line says so.
    pub product_category: &'static str,
    /// Category, unless missing.
    pub category: Option<&'static str>,
    /// Region, city and store, unless missing.
    pub place: Option<(&'static str, &'static str, String)>,
    /// Units; negative for a return.
    pub quantity: i64,
    /// Price of one, before the discount.
    pub unit_price: i64,
    /// What is taken off the price of one.
    pub discount_each: i64,
    /// Revenue, unless left out.
    pub revenue: Option<i64>,
    /// Cost, unless unknown.
    pub cost: Option<i64>,
}

impl Line {
    /// The discount; negative for a return.
    pub fn discount(&self) -> i64 {
        self.quantity * self.discount_each
    }

    /// What is charged for the quantity.
    pub fn charged(&self) -> i64 {
        self.quantity * self.unit_price - self.discount()
    }

    /// The discount that cleaning arrives at.
    pub fn net_discount(&self) -> i64 {
        match self.net_revenue() < 0 {
            true => -self.discount().abs(),
            false => self.discount(),
        }
    }

    /// The revenue that cleaning arrives at.
    pub fn net_revenue(&self) -> i64 {
        let stated = self.revenue.unwrap_or(self.charged());
        match self.quantity < 0 {
            true => -stated.abs(),
            false => stated,
        }
    }
}

/// Draws `size.rows` lines, by time.
pub fn draw(size: Size, world: &World, dice: &mut Dice) -> Vec<Line> {
    let mut days: Vec<u32> = Vec::new();
    let mut lines_per_order: Vec<u64> = Vec::new();
    let mut left = size.rows;
    while left > 0 {
        let lines = (1 + dice.below(4)).min(left);
        days.push(dice.weighted(&world.day_weights) as u32);
        lines_per_order.push(lines);
        left -= lines;
    }
    days.sort_unstable();
    let mut lines = Vec::with_capacity(size.rows as usize);
    for (number, (day, count)) in days.into_iter().zip(lines_per_order).enumerate() {
        order(number + 1, day, count, world, dice, &mut lines);
    }
    lines.sort_by(|a, b| (a.sold_at, &a.transaction).cmp(&(b.sold_at, &b.transaction)));
    give_discounts(size, &mut lines);
    lines
}

/// Clothing is often and deeply discounted, everything else now and then a little; nobody buys more for it. Dice of their own, so that
/// a sample has the same sales with other discounts.
fn give_discounts(size: Size, lines: &mut [Line]) {
    let mut dice = Dice::new(size.seed ^ u64::from_be_bytes(*b"discount"));
    for line in lines {
        let is_clothing = line.product_category == "Clothing";
        let (per_thousand, percents) = if is_clothing { (350, [20, 25, 30, 40]) } else { (60, [5, 5, 8, 10]) };
        let is_discounted = dice.chance(per_thousand);
        let percent = percents[dice.below(4) as usize];
        if is_discounted {
            line.discount_each = line.unit_price * percent / 100;
            line.revenue = line.revenue.map(|_| line.charged());
        }
    }
}

fn order(number: usize, day: u32, count: u64, world: &World, dice: &mut Dice, lines: &mut Vec<Line>) {
    let buyer = buyer(day, world, dice);
    let second = 9 * 3600 + dice.below(11 * 3600) as u32;
    let time = NaiveTime::from_num_seconds_from_midnight_opt(second, 0).unwrap_or_default();
    let is_known = !dice.chance(30);
    let has_place = !dice.chance(5);
    for _ in 0..count {
        let product = &world.products[dice.weighted(&world.product_weights)];
        let quantity = 1 + dice.below(3) as i64;
        let quantity = if dice.chance(20) { -quantity } else { quantity };
        let customer = &world.customers[buyer];
        lines.push(Line {
            transaction: format!("T{:09}", lines.len() + 1),
            order: format!("O{number:08}"),
            sold_at: world.day(day).and_time(time),
            customer: is_known.then(|| (customer.code.clone(), customer.name.clone())),
            product: product.code.clone(),
            product_name: product.name.clone(),
            product_category: product.category,
            category: (!dice.chance(10)).then_some(product.category),
            place: has_place.then(|| (customer.region, customer.city, customer.store.clone())),
            quantity,
            unit_price: product.price,
            discount_each: 0,
            revenue: (!dice.chance(5)).then_some(quantity * product.price),
            cost: (!dice.chance(20)).then_some(quantity * product.cost),
        });
    }
}

/// A customer who buys on that day: drawn among those who have joined, by their activity.
fn buyer(day: u32, world: &World, dice: &mut Dice) -> usize {
    let joined = world.customers.partition_point(|customer| customer.joined <= day).max(1);
    for _ in 0..200 {
        let drawn = dice.below(joined as u64) as usize;
        if dice.chance(world.customers[drawn].activity(world.start, day)) {
            return drawn;
        }
    }
    // Nobody is active that day: whoever joined last comes.
    joined - 1
}
