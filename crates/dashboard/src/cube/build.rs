//! Rows of the star schema into columns.

use std::collections::HashMap;

use anyhow::{Result, anyhow, bail};
use chrono::NaiveDate;

use super::{Columns, Cube, Customer, Load, Place, Product, UNKNOWN};
use crate::calendar::Range;

/// A sale line as the warehouse has it, with its surrogate keys.
#[derive(Debug, Clone, Copy)]
pub struct Sale<'a> {
    /// The day it counts for.
    pub day: NaiveDate,
    /// Key in `dim_product`.
    pub product_id: i64,
    /// Key in `dim_customer`.
    pub customer_id: i64,
    /// Key in `dim_region`.
    pub region_id: i64,
    /// The order it belongs to.
    pub order_id: &'a str,
    /// Ten-thousandths.
    pub quantity: i64,
    /// Ten-thousandths.
    pub revenue: i64,
    /// Ten-thousandths; none where the cost is unknown.
    pub profit: Option<i64>,
    /// Taken back?
    pub is_return: bool,
}

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
    orders: HashMap<Box<str>, u32>,
    sales: Columns,
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
            sales: Columns::default(),
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
    pub fn sale(&mut self, sale: &Sale<'_>) -> Result<()> {
        let find = |keys: &HashMap<i64, u32>, id: i64, table: &str| {
            keys.get(&id).copied().ok_or_else(|| anyhow!("a sale names {id}, which is not in {table}"))
        };
        let sales = &mut self.sales;
        sales.product.push(find(&self.product_at, sale.product_id, "dim_product")?);
        sales.customer.push(find(&self.customer_at, sale.customer_id, "dim_customer")?);
        sales.place.push(find(&self.place_at, sale.region_id, "dim_region")?);
        let next = u32::try_from(self.orders.len())?;
        let order = match self.orders.get(sale.order_id) {
            Some(order) => *order,
            None => *self.orders.entry(sale.order_id.into()).or_insert(next),
        };
        sales.order.push(order);
        sales.day.push(sale.day);
        sales.quantity.push(sale.quantity);
        sales.revenue.push(sale.revenue);
        sales.profit.push(sale.profit.unwrap_or(UNKNOWN));
        sales.is_return.push(sale.is_return);
        Ok(())
    }

    /// Sorts, and lets go of what only building needs.
    pub fn finish(mut self, load: Load) -> Result<Cube> {
        if u32::try_from(self.sales.day.len()).is_err() {
            bail!("{} sale lines are more than a dashboard can hold in memory", self.sales.day.len());
        }
        let orders = self.orders.len();
        drop(self.orders);
        self.sales.sort();
        let days = match (self.sales.day.first(), self.sales.day.last()) {
            (Some(first), Some(last)) => Range::new(*first, *last),
            _ => None,
        };
        let (categories, category_at) = self.categories.sorted();
        self.products.iter_mut().for_each(|product| product.category = category_at[product.category as usize]);
        let (segments, segment_at) = self.segments.sorted();
        self.customers.iter_mut().for_each(|customer| customer.segment = segment_at[customer.segment as usize]);
        Ok(Cube {
            load,
            products: self.products,
            categories,
            places: self.places,
            customers: self.customers,
            segments,
            orders,
            sales: self.sales,
            days,
        })
    }
}

impl Columns {
    /// By day, then order. A column at a time, so that at most one is there twice.
    fn sort(&mut self) {
        let mut at: Vec<u32> = (0..self.day.len() as u32).collect();
        at.sort_by_key(|index| (self.day[*index as usize], self.order[*index as usize]));
        arrange(&mut self.day, &at);
        arrange(&mut self.product, &at);
        arrange(&mut self.customer, &at);
        arrange(&mut self.place, &at);
        arrange(&mut self.order, &at);
        arrange(&mut self.quantity, &at);
        arrange(&mut self.revenue, &at);
        arrange(&mut self.profit, &at);
        arrange(&mut self.is_return, &at);
    }
}

fn arrange<T: Copy>(column: &mut Vec<T>, at: &[u32]) {
    *column = at.iter().map(|index| column[*index as usize]).collect();
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
