//! Amounts as the program computes and writes them, beside what DuckDB and PostgreSQL make of the same numbers.

use duckdb::Connection;
use postgres::Client;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rust_decimal::Decimal;
use salesmart_base::sum::Sum;
use salesmart_metrics::money;

use crate::harness::Cluster;

/// A number with a scale of its own.
#[derive(Debug, Clone, Copy)]
struct Number {
    mantissa: i64,
    scale: u32,
}

impl Number {
    fn decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(self.mantissa.into(), self.scale)
    }
}

/// Up to 10^14 with four decimals, both signs, zeros and scales of 0 to 4 among them.
fn numbers() -> impl Strategy<Value = Vec<Number>> {
    let number = (0_u32..=18, any::<i64>(), 0_u32..=4)
        .prop_map(|(digits, any, scale)| Number { mantissa: any % 10_i64.pow(digits), scale });
    prop::collection::vec(number, 1..60)
}

/// Each engine's answer to one question, as text.
struct Engines {
    duckdb: Connection,
    postgres: Client,
}

impl Engines {
    fn new() -> Self {
        Self { duckdb: Connection::open_in_memory().unwrap(), postgres: Cluster::connect(&Cluster::get().database()) }
    }

    fn answers(&mut self, sql: &str) -> [String; 2] {
        let of_duckdb = self.duckdb.query_row(sql, [], |row| row.get(0)).unwrap();
        [of_duckdb, self.postgres.query_one(sql, &[]).unwrap().get(0)]
    }
}

fn values(numbers: &[Number], scale: u32) -> String {
    let rows: Vec<String> =
        numbers.iter().map(|number| format!("(cast('{}' as decimal(38, {scale})))", number.decimal())).collect();
    format!("(values {}) as v (x)", rows.join(", "))
}

fn each(cases: u32, mut test: impl FnMut(&mut Engines, &[Number]) -> Result<(), TestCaseError>) {
    let mut engines = Engines::new();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let engines = std::cell::RefCell::new(&mut engines);
    let test = std::cell::RefCell::new(&mut test);
    runner.run(&numbers(), |numbers| (test.borrow_mut())(&mut engines.borrow_mut(), &numbers)).unwrap();
}

#[test]
fn sums_are_those_of_the_databases() {
    each(200, |engines, numbers| {
        let sum: Decimal = numbers.iter().map(|number| number.decimal()).sum();
        let sql = format!("select cast(sum(x) as varchar) from {}", values(numbers, 4));
        for answer in engines.answers(&sql) {
            prop_assert_eq!(money::text(sum), answer.clone());
            prop_assert_eq!(answer.parse::<Sum>().unwrap().to_string(), answer);
        }
        Ok(())
    });
}

#[test]
fn rounding_and_order_are_those_of_the_databases() {
    each(100, |engines, numbers| {
        let mut sorted: Vec<Decimal> = numbers.iter().map(|number| number.decimal()).collect();
        sorted.sort();
        let written: Vec<String> = sorted.iter().map(|amount| money::text(money::round(*amount, 2))).collect();
        let sql = format!(
            "select string_agg(cast(cast(round(x, 2) as decimal(38, 4)) as varchar), ' ' order by x) from {}",
            values(numbers, 4)
        );
        for answer in engines.answers(&sql) {
            prop_assert_eq!(written.join(" "), answer);
        }
        Ok(())
    });
}

#[test]
fn an_average_is_that_of_postgresql() {
    each(100, |engines, numbers| {
        let sum: Decimal = numbers.iter().map(|number| number.decimal()).sum();
        let sql = format!("select cast(round(sum(x) / count(*), 4) as varchar) from {}", values(numbers, 4));
        let answer: String = engines.postgres.query_one(&sql, &[]).unwrap().get(0);
        prop_assert_eq!(money::per(sum, numbers.len() as u64).map(money::text), Some(answer));
        Ok(())
    });
}

/// The extremes of `decimal(18,4)`, and more rows than any dashboard holds.
#[test]
fn the_largest_amounts_add_up_exactly() {
    let mut engines = Engines::new();
    let most = money::amount(10_i64.pow(18) - 1);
    for (sign, amount) in [("", most), ("-", -most)] {
        let sql = format!(
            "select cast(sum(cast('{sign}99999999999999.9999' as decimal(18, 4))) as varchar) from generate_series(1, 100000) as s (n)"
        );
        let sum = amount * Decimal::from(100_000);
        for answer in engines.answers(&sql) {
            assert_eq!(money::text(sum), answer);
        }
        let sum: Decimal = std::iter::repeat_n(amount, 100_000).sum();
        assert_eq!(money::text(sum), format!("{sign}9999999999999999990.0000"));
    }
}

/// Beyond 28 digits a sum stays what the database wrote.
#[test]
fn a_sum_that_no_decimal_holds_is_shown_with_all_digits() {
    let mut engines = Engines::new();
    let sql = "select cast(sum(cast('1234567890123456789012345678.9012345678' as decimal(38, 10))) as varchar) from generate_series(1, 7) as s (n)";
    for answer in engines.answers(sql) {
        let sum: Sum = answer.parse().unwrap();
        assert!(matches!(sum, Sum::Wide(_)), "{answer}");
        assert_eq!(sum.grouped(), "8,641,975,230,864,197,523,086,419,752.3086419746");
    }
}
