//! Shops, products, customers and the calendar of the sample.
//!
//! Findings planted here: a fifth of the products makes about four fifths of the revenue; electronics have the
//! highest margin and the lowest volume; the North sells most and loses most customers; customers buy less in the
//! third month after their first order; the last quarter is the strongest; clothing gives the deepest discounts, and nobody buys more
//! for them.

use chrono::{Datelike, Days, NaiveDate};

use super::{Dice, Size, cumulate};

/// A category: name, lowest and highest price in cents, margin in percent.
struct Category {
    name: &'static str,
    prices: (u64, u64),
    margin: u64,
}

const CATEGORIES: [Category; 5] = [
    Category { name: "Electronics", prices: (24_900, 89_900), margin: 46 },
    Category { name: "Home", prices: (1_490, 9_900), margin: 31 },
    Category { name: "Clothing", prices: (1_290, 7_900), margin: 37 },
    Category { name: "Toys", prices: (590, 4_900), margin: 28 },
    Category { name: "Grocery", prices: (99, 1_490), margin: 17 },
];

const ADJECTIVES: [&str; 10] =
    ["Classic", "Smart", "Mini", "Royal", "Eco", "Nordic", "Urban", "Golden", "Travel", "Family"];
const NOUNS: [[&str; 5]; 5] = [
    ["Headphones", "Speaker", "Tablet", "Camera", "Monitor"],
    ["Lamp", "Blanket", "Kettle", "Mirror", "Shelf"],
    ["Jacket", "Scarf", "Sneakers", "Shirt", "Backpack"],
    ["Puzzle", "Blocks", "Doll, boxed", "Kite", "Board Game"],
    ["Coffee", "Tea", "Olive Oil", "Chocolate \"Noir\"", "Honey"],
];

/// Regions with their cities; of 100 customers, so many live there; of 100 customers a month, so many are lost.
struct Region {
    name: &'static str,
    cities: [&'static str; 3],
    customers: u64,
    churn: u64,
}

const REGIONS: [Region; 4] = [
    Region { name: "North", cities: ["Hamburg", "Bremen", "Kiel"], customers: 45, churn: 12 },
    Region { name: "South", cities: ["München", "Nürnberg", "Ulm"], customers: 22, churn: 3 },
    Region { name: "East", cities: ["Berlin", "Leipzig", "Dresden"], customers: 18, churn: 4 },
    Region { name: "West", cities: ["Köln", "Essen", "Bonn"], customers: 15, churn: 3 },
];

/// Weight of each month, January first.
const SEASON: [u64; 12] = [80, 78, 88, 90, 94, 92, 84, 82, 96, 132, 178, 205];

/// How likely a customer buys, per thousand, in the months since the first order.
const ACTIVITY: [u64; 6] = [1000, 620, 560, 190, 500, 480];

/// A product.
pub struct Product {
    /// Code.
    pub code: String,
    /// Name; some hold commas and quotes.
    pub name: String,
    /// Category.
    pub category: &'static str,
    /// Price in ten-thousandths.
    pub price: i64,
    /// Cost of one in ten-thousandths.
    pub cost: i64,
}

/// A customer, who buys in one shop.
pub struct Customer {
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// Region.
    pub region: &'static str,
    /// City.
    pub city: &'static str,
    /// Shop.
    pub store: String,
    /// First day, counted from the start.
    pub joined: u32,
    /// Months after which the customer is lost.
    pub stays: u32,
}

/// Everything the sales are drawn from.
pub struct World {
    /// First day.
    pub start: NaiveDate,
    /// Products.
    pub products: Vec<Product>,
    /// Customers, by joining day.
    pub customers: Vec<Customer>,
    /// Cumulated chances of the products to be on a sale line.
    pub product_weights: Vec<u64>,
    /// Cumulated chances of the days.
    pub day_weights: Vec<u64>,
}

impl World {
    /// Invents a world of this size.
    pub fn new(size: Size, dice: &mut Dice) -> Self {
        let start = NaiveDate::from_ymd_opt(2023, 1, 1).unwrap_or_default();
        let count = (size.rows / 40).clamp(40, 400);
        let products: Vec<Product> = (0..count).map(|rank| product(rank, dice)).collect();
        // The weight is that of the revenue, rank^-1.25; dividing by the price turns it into one of sale lines.
        let product_weights = cumulate((1_u64..).zip(&products).map(|(rank, product)| {
            let fourth_root = (rank * 10_000_000_000_000_000).isqrt().isqrt();
            10_000_000_000_000_000_000 / (rank * fourth_root) / product.price.unsigned_abs()
        }));
        let day_weights =
            cumulate((0..size.days).map(|day| SEASON[(start + Days::new(u64::from(day))).month0() as usize]));
        let count = (size.rows / 16).max(20);
        let mut customers: Vec<Customer> = (0..count).map(|_| customer(size.days, dice)).collect();
        customers.sort_by_key(|customer| customer.joined);
        for (number, customer) in customers.iter_mut().enumerate() {
            customer.code = format!("C{:06}", number + 1);
        }
        Self { start, products, customers, product_weights, day_weights }
    }

    /// The day with this number.
    pub fn day(&self, number: u32) -> NaiveDate {
        self.start + Days::new(u64::from(number))
    }
}

impl Customer {
    /// How likely, per thousand, this customer buys on a day.
    pub fn activity(&self, start: NaiveDate, day: u32) -> u64 {
        if day < self.joined {
            return 0;
        }
        let month = |day: u32| {
            let date = start + Days::new(u64::from(day));
            date.year() * 12 + date.month0() as i32
        };
        let months = u32::try_from(month(day) - month(self.joined)).unwrap_or(0);
        match months > self.stays {
            true => 0,
            false => ACTIVITY.get(months as usize).copied().unwrap_or(450),
        }
    }
}

fn product(rank: u64, dice: &mut Dice) -> Product {
    let index = (rank % 5) as usize;
    let category = &CATEGORIES[index];
    let (low, high) = category.prices;
    let cents = low + dice.below(high - low);
    // Groceries are priced per tenth of a cent, as by weight.
    let price = match category.name {
        "Grocery" => cents * 100 + dice.below(10) * 10,
        _ => cents * 100,
    };
    let noun = NOUNS[index][dice.below(5) as usize];
    let adjective = ADJECTIVES[dice.below(10) as usize];
    Product {
        code: format!("P{:04}", rank + 1),
        name: format!("{adjective} {noun} {}", rank + 1),
        category: category.name,
        price: price as i64,
        cost: (price * (100 - category.margin) / 100) as i64,
    }
}

fn customer(days: u32, dice: &mut Dice) -> Customer {
    const FIRST: [&str; 10] = ["Anna", "Ben", "Clara", "David", "Eva", "Felix", "Greta", "Hugo", "Ida", "Jonas"];
    const LAST: [&str; 10] =
        ["Müller", "Schmidt", "Weber", "Fischer", "Becker", "Wolf", "Krüger", "Hahn", "Vogel", "Groß"];
    let region = &REGIONS[dice.weighted(&cumulate(REGIONS.iter().map(|region| region.customers)))];
    let city = region.cities[dice.below(3) as usize];
    let mut stays = 0;
    while stays < 60 && !dice.chance(region.churn * 10) {
        stays += 1;
    }
    Customer {
        code: String::new(),
        name: format!("{} {}", FIRST[dice.below(10) as usize], LAST[dice.below(10) as usize]),
        region: region.name,
        city,
        store: format!("{city} {}", dice.below(2) + 1),
        joined: dice.below(u64::from(days)) as u32,
        stays,
    }
}
