//! Rows of the star schema into columns.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use chrono::NaiveDate;
use moka::sync::Cache;

use super::index::Unit;
use super::{Cube, Customer, Index, Load, NO_ORDER, Place, Product, Sums, Totals};
use crate::figures::CohortMatrix;
use crate::known_days::KnownDays;
use crate::money::amount;

/// A sale line as the warehouse has it, with its surrogate keys.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    /// The day it counts for.
    pub day: NaiveDate,
    /// Key in `dim_product`.
    pub product_id: i64,
    /// Key in `dim_customer`.
    pub customer_id: i64,
    /// Key in `dim_region`.
    pub region_id: i64,
    /// Surrogate key of the order it belongs to.
    pub order_key: i64,
    /// Ten-thousandths; 0 where it is unknown.
    pub quantity: i64,
    /// Ten-thousandths; out of the revenue already.
    pub discount: i64,
    /// Ten-thousandths.
    pub revenue: i64,
    /// Ten-thousandths; none where the cost is unknown.
    pub profit: Option<i64>,
    /// Taken back?
    pub is_return: bool,
}

/// The cohorts that are kept take at most so many bytes.
const COHORTS: u64 = 16 * 1024 * 1024;

/// Takes dimensions first, then sale lines in any order.
#[derive(Debug)]
pub struct Builder {
    products: Vec<Product>,
    product_at: HashMap<i64, u32>,
    categories: Names,
    places: Vec<Place>,
    place_at: HashMap<i64, u32>,
    customers: Vec<Customer>,
    customer_at: HashMap<i64, u32>,
    segments: Names,
    orders: HashMap<i64, u32>,
    sold: Vec<Sold>,
}

/// A sale line as it came, with places in the dimensions instead of keys; amounts in ten-thousandths.
#[derive(Debug, Clone, Copy)]
struct Sold {
    day: NaiveDate,
    product: u32,
    category: u32,
    customer: u32,
    segment: u32,
    place: u32,
    order: u32,
    is_return: bool,
    has_cost: bool,
    quantity: i64,
    discount: i64,
    revenue: i64,
    /// 0 where the cost is unknown.
    profit: i64,
}

impl Default for Builder {
    fn default() -> Self {
        let mut builder = Self {
            products: Vec::new(),
            product_at: HashMap::new(),
            categories: Names::default(),
            places: Vec::new(),
            place_at: HashMap::new(),
            customers: Vec::new(),
            customer_at: HashMap::new(),
            segments: Names::default(),
            orders: HashMap::new(),
            sold: Vec::new(),
        };
        builder.customer(0, None, "Unknown", None, "Unknown");
        builder
    }
}

impl Builder {
    /// A row of `dim_product`.
    pub fn product(&mut self, id: i64, code: Option<&str>, name: &str, category: &str) {
        let category = self.categories.number(category);
        self.product_at.insert(id, self.products.len() as u32);
        self.products.push(Product { id, code: code.map(str::to_owned), name: name.to_owned(), category });
    }

    /// A row of `dim_region`.
    pub fn place(&mut self, id: i64, region: &str, city: &str, store: &str) {
        self.place_at.insert(id, self.places.len() as u32);
        self.places.push(Place { id, region: region.to_owned(), city: city.to_owned(), store: store.to_owned() });
    }

    /// A row of `dim_customer`; the unknown one may come or not.
    pub fn customer(&mut self, id: i64, code: Option<&str>, name: &str, scores: Option<[u8; 3]>, segment: &str) {
        let segment = self.segments.number(segment);
        let customer = Customer { id, code: code.map(str::to_owned), name: name.to_owned(), scores, segment };
        match self.customer_at.get(&id) {
            Some(at) => self.customers[*at as usize] = customer,
            None => {
                self.customer_at.insert(id, self.customers.len() as u32);
                self.customers.push(customer);
            }
        }
    }

    /// A row of `fact_sales`. Its dimensions must be known: the warehouse's foreign keys say that they are.
    pub fn sale(&mut self, sale: &Sale) -> Result<()> {
        let find = |keys: &HashMap<i64, u32>, id: i64, table: &str| {
            keys.get(&id).copied().ok_or_else(|| anyhow!("a sale names {id}, which is not in {table}"))
        };
        let product = find(&self.product_at, sale.product_id, "dim_product")?;
        let customer = find(&self.customer_at, sale.customer_id, "dim_customer")?;
        let place = find(&self.place_at, sale.region_id, "dim_region")?;
        let next = u32::try_from(self.orders.len())?;
        let order = *self.orders.entry(sale.order_key).or_insert(next);
        self.sold.push(Sold {
            day: sale.day,
            product,
            category: self.products[product as usize].category,
            customer,
            segment: self.customers[customer as usize].segment,
            place,
            order,
            is_return: sale.is_return,
            has_cost: sale.profit.is_some(),
            quantity: sale.quantity,
            discount: sale.discount,
            revenue: sale.revenue,
            profit: sale.profit.unwrap_or(0),
        });
        Ok(())
    }

    /// Sorts, and lets go of what only building needs.
    ///
    /// # Errors
    /// More lines, or larger amounts, than can be held.
    pub fn finish(mut self, load: Load) -> Result<Cube> {
        if u32::try_from(self.sold.len()).is_err() {
            bail!("{} sale lines are more than a dashboard can hold in memory", self.sold.len());
        }
        let orders = self.orders.len();
        drop(self.orders);
        let (categories, category_at) = self.categories.sorted();
        self.products.iter_mut().for_each(|product| product.category = category_at[product.category as usize]);
        let (segments, segment_at) = self.segments.sorted();
        self.customers.iter_mut().for_each(|customer| customer.segment = segment_at[customer.segment as usize]);

        let mut sold = self.sold;
        let (number, scattered) = numbers(&sold, orders);
        for sold in &mut sold {
            sold.category = category_at[sold.category as usize];
            sold.segment = segment_at[sold.segment as usize];
            sold.order = number[sold.order as usize];
        }
        sold.sort_unstable_by_key(|sold| (sold.category, sold.product, sold.basket()));
        let products_lines = lines(&sold, scattered, |line| Some(line.product));
        sold.sort_unstable_by_key(|sold| (sold.category, sold.basket()));
        let (_, region_of) = Cube::grouped(&self.places, |place| &place.region);
        let mut lines = lines(&sold, scattered, |_| None);
        lines.look_back(self.customers.len(), &region_of);
        let product = sold.iter().map(|sold| sold.product).collect();
        sold.sort_unstable_by_key(Sold::basket);
        check_sums(&sold)?;
        let mut baskets = baskets(&sold, scattered);
        baskets.look_back(self.customers.len(), &region_of);
        let total = |members: usize, member: fn(&Sold) -> u32| {
            let mut totals = vec![0_i128; members];
            sold.iter().for_each(|sold| totals[member(sold) as usize] += i128::from(sold.revenue));
            totals.into_iter().map(amount).collect()
        };
        let totals = Totals {
            products: total(self.products.len(), |sold| sold.product),
            places: total(self.places.len(), |sold| sold.place),
            customers: total(self.customers.len(), |sold| sold.customer),
        };
        let known = KnownDays::of(sold.iter().map(|sold| sold.day));
        let cohorts = Cache::builder()
            .weigher(|_, matrix: &Arc<CohortMatrix>| matrix.bytes().try_into().unwrap_or(u32::MAX))
            .max_capacity(COHORTS)
            .build();
        Ok(Cube {
            load,
            products: self.products,
            categories,
            places: self.places,
            customers: self.customers,
            segments,
            orders,
            has_discounts: sold.iter().any(|sold| sold.discount != 0),
            baskets,
            lines,
            products_lines,
            region_of,
            product,
            totals,
            cohorts,
            known,
        })
    }
}

impl Sold {
    /// What the lines of a basket have in common: its cell, its day, its order, its customer.
    fn basket(&self) -> (u32, u32, NaiveDate, u32, u32) {
        (self.place, self.segment, self.day, self.order, self.customer)
    }

    fn unit(&self) -> Unit {
        Unit {
            place: self.place,
            segment: self.segment,
            category: None,
            product: None,
            day: self.day,
            customer: self.customer,
            order: if self.is_return { NO_ORDER } else { self.order },
            sums: Sums {
                lines: 1,
                with_cost: u32::from(self.has_cost),
                orders: 0,
                scattered: 0,
                quantity: self.quantity,
                discount: self.discount,
                revenue: self.revenue,
                returns: if self.is_return { self.revenue } else { 0 },
                profit: self.profit,
                revenue_with_cost: if self.has_cost { self.revenue } else { 0 },
            },
        }
    }
}

impl Unit {
    fn is_whole(&self, scattered: u32) -> bool {
        self.order != NO_ORDER && self.order >= scattered
    }
}

/// Whatever lines of a place and segment are chosen, what they make must be told by the difference of two running sums: so all
/// together, signs aside, must fit.
fn check_sums(sold: &[Sold]) -> Result<()> {
    for cell in sold.chunk_by(|line, next| (line.place, line.segment) == (next.place, next.segment)) {
        let amounts: [fn(&Sold) -> i64; 4] =
            [|line| line.quantity, |line| line.discount, |line| line.revenue, |line| line.profit];
        for amount in amounts {
            let most: u128 = cell.iter().map(|line| u128::from(amount(line).unsigned_abs())).sum();
            ensure!(
                i64::try_from(most).is_ok(),
                "the amounts of one place and segment add up to more than a dashboard can hold"
            );
        }
    }
    Ok(())
}

/// The lines, which come by category, maybe product, then cell, day and order.
fn lines(sold: &[Sold], scattered: u32, product_of: impl Fn(&Sold) -> Option<u32>) -> Index {
    let mut index = Index::with_capacity(sold.len(), scattered);
    // What an order sold of a category, or of a product, follows each other, but for what somebody took back.
    let mut last = None;
    for line in sold {
        let product = product_of(line);
        let mut unit = Unit { category: Some(line.category), product, ..line.unit() };
        let own = Some((line.category, product, unit.order));
        if unit.is_whole(scattered) && last != own {
            unit.sums.orders = 1;
            last = own;
        }
        index.push(&unit);
    }
    index
}

/// The baskets, whose lines come together.
fn baskets(sold: &[Sold], scattered: u32) -> Index {
    let baskets = || sold.chunk_by(|line, next| line.basket() == next.basket());
    let mut index = Index::with_capacity(baskets().count(), scattered);
    for basket in baskets() {
        let mut lines = basket.iter().map(Sold::unit);
        let Some(mut unit) = lines.next() else { continue };
        for line in lines {
            unit.order = unit.order.min(line.order);
            unit.sums = unit.sums.and(&line.sums);
        }
        unit.sums.orders = u32::from(unit.is_whole(scattered));
        index.push(&unit);
    }
    index
}

/// New numbers of orders, and how many of them, the first ones, are scattered: what they sold does not have the same day,
/// customer and place.
fn numbers(sold: &[Sold], orders: usize) -> (Vec<u32>, u32) {
    let mut first = vec![None; orders];
    let mut is_scattered = vec![false; orders];
    for sold in sold.iter().filter(|sold| !sold.is_return) {
        let own = (sold.day, sold.customer, sold.place);
        let order = sold.order as usize;
        is_scattered[order] |= *first[order].get_or_insert(own) != own;
    }
    let scattered = is_scattered.iter().filter(|is_scattered| **is_scattered).count() as u32;
    let (mut next, mut next_whole) = (0, scattered);
    let number = is_scattered
        .into_iter()
        .map(|is_scattered| {
            let next = if is_scattered { &mut next } else { &mut next_whole };
            std::mem::replace(next, *next + 1)
        })
        .collect();
    (number, scattered)
}

/// Names, numbered in the order they come.
#[derive(Debug, Default)]
struct Names {
    at: HashMap<String, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        let next = self.at.len() as u32;
        match self.at.get(name) {
            Some(number) => *number,
            None => *self.at.entry(name.to_owned()).or_insert(next),
        }
    }

    /// The names in alphabetical order, and for each number the new one.
    fn sorted(self) -> (Vec<String>, Vec<u32>) {
        let mut names: Vec<(String, u32)> = self.at.into_iter().collect();
        names.sort();
        let mut new = vec![0; names.len()];
        names.iter().enumerate().for_each(|(place, (_, number))| new[*number as usize] = place as u32);
        (names.into_iter().map(|(name, _)| name).collect(), new)
    }
}
