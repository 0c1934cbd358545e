//! The sale lines that a filter leaves.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::run::{Picked, Run, runs};
use super::{Cell, Cube, Grain, Scope};
use crate::calendar::Range;
use crate::filter::{Field, Filter};

/// What a filter means for one load: days, and which members of each dimension. Bound once, used for several ranges of days.
#[derive(Debug, Clone)]
pub struct Selection<'c> {
    cube: &'c Cube,
    range: Option<Range>,
    members: Members,
    found: Found,
}

/// The selected members of each dimension.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Members {
    products: Marked,
    categories: Marked,
    places: Marked,
    segments: Marked,
}

/// All members of a dimension, or those that are marked.
type Marked = Option<Arc<[bool]>>;

/// The runs that were found already. Of the same members, so shared by all selections that differ in days only.
type Found = Rc<RefCell<Vec<(Grain, Range, Rc<[Run]>)>>>;

impl<'c> Selection<'c> {
    /// Finds what the filter names. A name that the load does not have selects nothing, which is what it says.
    pub fn new(cube: &'c Cube, filter: &Filter) -> Self {
        let names = |wanted: &[String], name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
        let categories = (!filter.categories.is_empty())
            .then(|| cube.categories.iter().map(|category| names(&filter.categories, category)).collect());
        let products = (!filter.products.is_empty())
            .then(|| cube.products.iter().map(|product| names(&filter.products, product.key())).collect());
        let by_place = !filter.regions.is_empty() || !filter.cities.is_empty() || !filter.stores.is_empty();
        let places = by_place.then(|| {
            let kept = cube.places.iter().map(|place| {
                names(&filter.regions, &place.region)
                    && names(&filter.cities, &place.city)
                    && names(&filter.stores, &place.store)
            });
            kept.collect()
        });
        let segments = (!filter.segments.is_empty())
            .then(|| cube.segments.iter().map(|segment| names(&filter.segments, segment)).collect());
        let members = Members { products, categories, places, segments };
        Self { cube, range: filter.range(cube.known_days()), members, found: Found::default() }
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
        match self.members.places {
            None => self.clone(),
            Some(_) => {
                let members = Members { places: None, ..self.members.clone() };
                Self { members, found: Found::default(), ..self.clone() }
            }
        }
    }

    /// The selected members.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// The same, of no other products than those that are marked.
    pub(crate) fn within(&self, products: &[bool]) -> Self {
        let both = products.iter().zip(0..).map(|(is_here, product)| *is_here && has(&self.members.products, product));
        let members = Members { products: Some(both.collect()), ..self.members.clone() };
        Self { members, found: Found::default(), ..self.clone() }
    }

    /// Are products picked one by one?
    pub(crate) fn picks_products(&self) -> bool {
        self.members.products.is_some()
    }

    /// Are the units of the cell selected?
    pub(super) fn has_cell(&self, cell: &Cell) -> bool {
        let Members { products, categories, places, segments } = &self.members;
        cell.product.is_none_or(|product| has(products, product))
            && cell.category.is_none_or(|category| has(categories, category))
            && has(places, cell.place)
            && has(segments, cell.segment)
    }

    /// What is selected, by baskets if it is whole ones.
    pub(crate) fn picked(&self) -> Picked<'c> {
        match self.members.categories {
            None if !self.picks_products() => self.pick(Grain::Baskets),
            _ => self.picked_lines(),
        }
    }

    /// What is selected, by lines; product by product if products are picked.
    pub(crate) fn picked_lines(&self) -> Picked<'c> {
        self.pick(if self.picks_products() { Grain::Products } else { Grain::Lines })
    }

    /// Is an order in at most one of the cells that [`Self::picked`] has, and there with its first line? Then orders can be
    /// added up. Scattered ones never can.
    pub(crate) fn has_whole_orders(&self) -> bool {
        let is_one = |categories: &Arc<[bool]>| categories.iter().filter(|is_selected| **is_selected).count() <= 1;
        !self.picks_products() && self.members.categories.as_ref().is_none_or(is_one)
    }

    /// Where a customer must not have been before to be a new one among all that is selected of a category; none if that is
    /// neither everywhere nor all of one region.
    pub(crate) fn scope(&self) -> Option<Scope> {
        match &self.members.places {
            None => Some(Scope::Anywhere),
            Some(places) => {
                let mut regions = self.cube.region_of.iter().zip(places.iter()).filter(|(_, is_here)| **is_here);
                let (first, _) = regions.next()?;
                (self.has_whole_regions() && regions.all(|(region, _)| region == first)).then_some(Scope::Region)
            }
        }
    }

    /// Is each region selected whole, or not at all?
    pub(crate) fn has_whole_regions(&self) -> bool {
        self.members.places.as_ref().is_none_or(|places| {
            let mut selected: HashMap<u32, bool> = HashMap::new();
            let mut places = self.cube.region_of.iter().zip(places.iter());
            places.all(|(region, is_here)| *selected.entry(*region).or_insert(*is_here) == *is_here)
        })
    }

    fn pick(&self, grain: Grain) -> Picked<'c> {
        let index = self.cube.index(grain);
        let Some(range) = self.range else { return Picked { index, runs: Rc::default() } };
        let is_wanted = |(own, days, _): &&(Grain, Range, Rc<[Run]>)| (*own, *days) == (grain, range);
        let known = self.found.borrow().iter().find(is_wanted).map(|(_, _, runs)| Rc::clone(runs));
        let runs = known.unwrap_or_else(|| {
            let runs = runs(self, grain, range);
            self.found.borrow_mut().push((grain, range, Rc::clone(&runs)));
            runs
        });
        Picked { index, runs }
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

fn has(members: &Marked, member: u32) -> bool {
    members.as_ref().is_none_or(|members| members[member as usize])
}

impl super::Product {
    /// What filters call it: its code; `unknown` for the one that has none.
    pub fn key(&self) -> &str {
        self.code.as_deref().unwrap_or("unknown")
    }
}
