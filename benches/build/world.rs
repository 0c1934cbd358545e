//! The business: what is sold, to whom and where. Everything follows from a number, so any day can be written alone.

use salesmart_sample::Dice;

/// Products on sale on one day. Every day two come and two go.
pub const PRODUCTS: u64 = 2_000;
/// Customers, the same ones all the time.
pub const CUSTOMERS: u64 = 100_000;

const ADJECTIVES: [&str; 10] =
    ["Classic", "Smart", "Mini", "Royal", "Eco", "Nordic", "Urban", "Golden", "Travel", "Family"];
/// A category: its nouns, lowest and highest price in cents, cost in percent of the price.
struct Category {
    name: &'static str,
    nouns: [&'static str; 4],
    prices: (u64, u64),
    cost: u64,
}

const CATEGORIES: [Category; 5] = [
    Category {
        name: "Electronics",
        nouns: ["Headphones", "Speaker", "Tablet", "Cable 3/4\" plug"],
        prices: (2_490, 89_900),
        cost: 54,
    },
    Category { name: "Home", nouns: ["Lamp", "Blanket", "Kettle", "Shelf, oak"], prices: (1_490, 9_900), cost: 69 },
    Category { name: "Clothing", nouns: ["Jacket", "Scarf", "Sneakers", "Shirt"], prices: (1_290, 7_900), cost: 63 },
    Category { name: "Toys", nouns: ["Puzzle", "Blocks", "Doll, boxed", "Kite"], prices: (590, 4_900), cost: 72 },
    Category {
        name: "Grocery",
        nouns: ["Coffee", "Tea", "Olive Oil", "Chocolate \"Noir\""],
        prices: (99, 1_490),
        cost: 83,
    },
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

/// A product.
pub struct Product {
    /// The fields code and name.
    pub fields: String,
    /// The field category.
    pub category: &'static str,
    /// Price of one in ten-thousandths.
    pub price: i64,
    /// Cost of one in ten-thousandths.
    pub cost: i64,
}

/// All products and customers.
pub struct World {
    /// By number; on day `n` those from `2 * n` on are on sale.
    pub products: Vec<Product>,
    /// The fields code and name.
    pub customers: Vec<String>,
    /// The fields region, city and store.
    pub places: Vec<String>,
}

impl World {
    /// The world up to this day.
    pub fn new(last_day: u64) -> Self {
        let mut dice = Dice::new(1);
        let products = (0..2 * last_day + PRODUCTS).map(|number| product(number, &mut dice)).collect();
        let customers = (1..=CUSTOMERS)
            .map(|number| {
                let (first, last) = (FIRST[dice.below(10) as usize], LAST[dice.below(10) as usize]);
                format!("C{number:06},{first} {last}")
            })
            .collect();
        let places = PLACES
            .iter()
            .flat_map(|(region, cities)| cities.iter().map(move |city| format!("{region},{city},{city} 1")));
        Self { products, customers, places: places.collect() }
    }
}

fn product(number: u64, dice: &mut Dice) -> Product {
    let category = &CATEGORIES[(number % 5) as usize];
    let (low, high) = category.prices;
    let (adjective, noun) = (ADJECTIVES[dice.below(10) as usize], category.nouns[dice.below(4) as usize]);
    let name = format!("{adjective} {noun} {}", number % 1_000);
    let cents = low + dice.below(high - low);
    // Groceries are sold by weight: the price of one has up to four places.
    let price = if category.name == "Grocery" { cents * 100 + dice.below(100) } else { cents * 100 };
    Product {
        fields: format!("P{:05},{}", number + 1, quoted(&name)),
        category: category.name,
        price: price as i64,
        cost: (price * category.cost / 100) as i64,
    }
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
