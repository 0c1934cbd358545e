//! What was sold as columns, with running sums.

use chrono::{Datelike, NaiveDate};

/// The order of what only takes back: that alone makes no order.
pub(crate) const NO_ORDER: u32 = u32::MAX;

/// What was sold in one place to one segment of customers, and maybe of one category, or of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub place: u32,
    pub segment: u32,
    /// None if the cells of an index are of all categories.
    pub category: Option<u32>,
    /// None if the cells of an index are of all products of their category.
    pub product: Option<u32>,
    /// The first of its units, and the first that is none of them.
    pub start: u32,
    pub end: u32,
}

/// Sale lines, or baskets of them, cell by cell; within a cell in the order of their days and, within a day, of their orders.
/// A unit is one of them.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub cells: Vec<Cell>,
    pub day: Vec<NaiveDate>,
    pub customer: Vec<u32>,
    /// An order's number says nothing but which it is; [`NO_ORDER`] where the unit only takes back.
    pub order: Vec<u32>,
    /// Net revenue of each unit, in ten-thousandths.
    pub revenue: Vec<i64>,
    /// So many orders, those with the first numbers, are scattered: their lines do not have the same day, customer and place.
    pub scattered_orders: u32,
    /// The units of those, in order.
    scattered: Vec<u32>,
    /// The day of the customer's unit before, see [`Scope`]; [`NEVER`] for the first one, and what is later than any day for the
    /// unknown customer.
    seen: [Vec<i32>; 2],
    /// What all units before make; one more than there are units.
    before: Vec<Sums>,
}

/// Where a customer was before; and with the same category, if the cells of an index have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// In any place.
    Anywhere,
    /// In the same region.
    Region,
}

const NEVER: i32 = i32::MIN;

/// A day as the columns of earlier ones have it.
pub(crate) fn number(day: NaiveDate) -> i32 {
    day.num_days_from_ce()
}

/// What units make, amounts in ten-thousandths. Running sums wrap, so their difference is exact where it fits itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub lines: u32,
    pub with_cost: u32,
    /// Orders that are not scattered, each once in a cell.
    pub orders: u32,
    /// Units of scattered orders.
    pub scattered: u32,
    pub quantity: i64,
    pub discount: i64,
    pub revenue: i64,
    pub returns: i64,
    pub profit: i64,
    pub revenue_with_cost: i64,
}

/// One unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub place: u32,
    pub segment: u32,
    pub category: Option<u32>,
    pub product: Option<u32>,
    pub day: NaiveDate,
    pub customer: u32,
    pub order: u32,
    pub sums: Sums,
}

impl Index {
    pub(super) fn with_capacity(units: usize, scattered_orders: u32) -> Self {
        Self {
            scattered_orders,
            day: Vec::with_capacity(units),
            customer: Vec::with_capacity(units),
            order: Vec::with_capacity(units),
            revenue: Vec::with_capacity(units),
            before: Vec::with_capacity(units + 1),
            ..Self::default()
        }
    }

    /// Adds a unit. They come in the order they are kept in.
    pub(super) fn push(&mut self, unit: &Unit) {
        let at = self.day.len() as u32;
        let Unit { place, segment, category, product, .. } = *unit;
        let cell = |last: &Cell| (last.place, last.segment, last.category, last.product);
        match self.cells.last_mut() {
            Some(last) if cell(last) == (place, segment, category, product) => last.end = at + 1,
            _ => self.cells.push(Cell { place, segment, category, product, start: at, end: at + 1 }),
        }
        self.day.push(unit.day);
        self.customer.push(unit.customer);
        self.order.push(unit.order);
        self.revenue.push(unit.sums.revenue);
        let is_scattered = unit.order < self.scattered_orders;
        if is_scattered {
            self.scattered.push(at);
        }
        let before = self.before.last().copied().unwrap_or_default();
        if self.before.is_empty() {
            self.before.push(before);
        }
        self.before.push(before.and(&Sums { scattered: u32::from(is_scattered), ..unit.sums }));
    }

    /// Finds out when customers were seen before. From then on, the customers of some days are the units that are the first
    /// since the first of those days: counting them needs no memory of who was counted.
    pub(super) fn look_back(&mut self, customers: usize, region_of: &[u32]) {
        let regions = region_of.iter().max().map_or(1, |last| u64::from(*last) + 1);
        let scope = |cell: &Cell, region: u32| u64::from(cell.category.unwrap_or(0)) * regions + u64::from(region);
        self.seen = [
            self.seen_before(customers, |cell| scope(cell, 0)),
            self.seen_before(customers, |cell| scope(cell, region_of[cell.place as usize])),
        ];
    }

    fn seen_before(&self, customers: usize, scope_of: impl Fn(&Cell) -> u64) -> Vec<i32> {
        let mut units: Vec<(u64, i32, u32)> = Vec::with_capacity(self.len());
        for cell in &self.cells {
            let scope = scope_of(cell);
            units.extend((cell.start..cell.end).map(|unit| (scope, number(self.day[unit as usize]), unit)));
        }
        units.sort_unstable();
        let mut last = vec![(u64::MAX, NEVER); customers];
        let mut seen = vec![i32::MAX; self.len()];
        for (scope, day, unit) in units {
            let customer = self.customer[unit as usize] as usize;
            // The first is the unknown one.
            if customer != 0 {
                let (known, before) = std::mem::replace(&mut last[customer], (scope, day));
                seen[unit as usize] = if known == scope { before } else { NEVER };
            }
        }
        seen
    }

    /// For each unit, when its customer was seen before.
    pub fn seen(&self, scope: Scope) -> &[i32] {
        match scope {
            Scope::Anywhere => &self.seen[0],
            Scope::Region => &self.seen[1],
        }
    }

    /// How many units there are.
    pub fn len(&self) -> usize {
        self.day.len()
    }

    /// What the units from one to before another, of the same cell, make.
    #[inline]
    pub fn between(&self, start: usize, end: usize) -> Sums {
        let (from, to) = (&self.before[start], &self.before[end]);
        Sums {
            lines: to.lines.wrapping_sub(from.lines),
            with_cost: to.with_cost.wrapping_sub(from.with_cost),
            orders: to.orders.wrapping_sub(from.orders),
            scattered: to.scattered.wrapping_sub(from.scattered),
            quantity: to.quantity.wrapping_sub(from.quantity),
            discount: to.discount.wrapping_sub(from.discount),
            revenue: to.revenue.wrapping_sub(from.revenue),
            returns: to.returns.wrapping_sub(from.returns),
            profit: to.profit.wrapping_sub(from.profit),
            revenue_with_cost: to.revenue_with_cost.wrapping_sub(from.revenue_with_cost),
        }
    }

    /// The revenue of some units of the same cell, and nothing else of what they make; each counts as one line.
    #[inline]
    pub fn revenue_of(&self, units: std::ops::Range<usize>) -> Sums {
        let lines = units.len() as u32;
        Sums { lines, revenue: self.revenue[units].iter().sum(), ..Sums::default() }
    }

    /// The scattered orders among some units, as often as they are there.
    #[inline]
    pub fn scattered(&self, units: std::ops::Range<usize>) -> impl Iterator<Item = u32> {
        let at = |unit: usize| self.scattered.partition_point(|other| (*other as usize) < unit);
        self.scattered[at(units.start)..at(units.end)].iter().map(|unit| self.order[*unit as usize])
    }
}

impl Sums {
    /// Wraps.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self {
            lines: self.lines.wrapping_add(other.lines),
            with_cost: self.with_cost.wrapping_add(other.with_cost),
            orders: self.orders.wrapping_add(other.orders),
            scattered: self.scattered.wrapping_add(other.scattered),
            quantity: self.quantity.wrapping_add(other.quantity),
            discount: self.discount.wrapping_add(other.discount),
            revenue: self.revenue.wrapping_add(other.revenue),
            returns: self.returns.wrapping_add(other.returns),
            profit: self.profit.wrapping_add(other.profit),
            revenue_with_cost: self.revenue_with_cost.wrapping_add(other.revenue_with_cost),
        }
    }
}
