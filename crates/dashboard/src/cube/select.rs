//! The sale lines that a filter leaves.

use std::collections::HashSet;

use super::Cube;
use crate::calendar::Range;
use crate::filter::{Field, Filter};

/// What a filter means for one load: days, and which members of each dimension. Bound once, used for several ranges of days.
#[derive(Debug, Clone)]
pub struct Selection<'c> {
    cube: &'c Cube,
    range: Option<Range>,
    products: Members,
    places: Members,
    customers: Members,
}

/// All members of a dimension, or those that are marked.
type Members = Option<std::sync::Arc<[bool]>>;

impl<'c> Selection<'c> {
    /// Finds what the filter names. A name that the load does not have selects nothing, which is what it says.
    pub fn new(cube: &'c Cube, filter: &Filter) -> Self {
        let names = |wanted: &[String], name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
        let products = (!filter.products.is_empty() || !filter.categories.is_empty()).then(|| {
            let kept = cube.products.iter().map(|product| {
                names(&filter.products, product.key())
                    && names(&filter.categories, &cube.categories[product.category as usize])
            });
            kept.collect()
        });
        let by_place = !filter.regions.is_empty() || !filter.cities.is_empty() || !filter.stores.is_empty();
        let places = by_place.then(|| {
            let kept = cube.places.iter().map(|place| {
                names(&filter.regions, &place.region)
                    && names(&filter.cities, &place.city)
                    && names(&filter.stores, &place.store)
            });
            kept.collect()
        });
        let customers = (!filter.segments.is_empty()).then(|| {
            cube.customers
                .iter()
                .map(|customer| names(&filter.segments, &cube.segments[customer.segment as usize]))
                .collect()
        });
        Self { cube, range: filter.range(cube.days()), products, places, customers }
    }

    /// The load.
    pub fn cube(&self) -> &'c Cube {
        self.cube
    }

    /// The days, if the load has any sale.
    pub fn range(&self) -> Option<Range> {
        self.range
    }

    /// The same members on other days.
    pub fn on(&self, range: Range) -> Self {
        Self { range: Some(range), ..self.clone() }
    }

    /// The same members on all days of the load.
    pub fn on_all_days(&self) -> Self {
        Self { range: self.cube.days(), ..self.clone() }
    }

    /// The same, of every place: what a region's share is a share of.
    pub fn in_all_places(&self) -> Self {
        Self { places: None, ..self.clone() }
    }

    /// Is the product among the selected ones?
    pub fn has_product(&self, product: u32) -> bool {
        has(&self.products, product)
    }

    /// Is the customer among the selected ones?
    pub fn has_customer(&self, customer: u32) -> bool {
        has(&self.customers, customer)
    }

    /// Is any dimension restricted?
    pub fn is_restricted(&self) -> bool {
        self.products.is_some() || self.places.is_some() || self.customers.is_some()
    }

    /// Calls for every selected sale line, by the order of days; what it is called with is its place in the columns.
    pub(crate) fn each(&self, mut visit: impl FnMut(usize)) {
        let Some(range) = self.range else { return };
        let sales = &self.cube.sales;
        for line in self.cube.lines_of(range) {
            if has(&self.products, sales.product[line])
                && has(&self.places, sales.place[line])
                && has(&self.customers, sales.customer[line])
            {
                visit(line);
            }
        }
    }
}

impl Cube {
    /// The names in a list of the filter that this load does not have: they select nothing.
    pub fn lacks<'f>(&self, filter: &'f Filter, field: Field) -> Vec<&'f str> {
        let names = filter.names(field);
        if names.is_empty() {
            return Vec::new();
        }
        let known: HashSet<&str> = self.names(field).collect();
        names.iter().map(String::as_str).filter(|name| !known.contains(name)).collect()
    }

    /// What filters call the members of a list, in no order, some more than once.
    pub fn names(&self, field: Field) -> Box<dyn Iterator<Item = &str> + '_> {
        match field {
            Field::Region => Box::new(self.places.iter().map(|place| place.region.as_str())),
            Field::City => Box::new(self.places.iter().map(|place| place.city.as_str())),
            Field::Store => Box::new(self.places.iter().map(|place| place.store.as_str())),
            Field::Category => Box::new(self.categories.iter().map(String::as_str)),
            Field::Product => Box::new(self.products.iter().map(super::Product::key)),
            Field::Segment => Box::new(self.segments.iter().map(String::as_str)),
        }
    }
}

fn has(members: &Members, member: u32) -> bool {
    members.as_ref().is_none_or(|members| members[member as usize])
}

impl super::Product {
    /// What filters call it: its code; `unknown` for the one that has none.
    pub fn key(&self) -> &str {
        self.code.as_deref().unwrap_or("unknown")
    }
}
