//! The proof against selects that are known to be right or wrong, and against random ones with random changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use duckdb::Connection;
use salesmart_base::config::MoneyScale;
use salesmart_model::{ByColumn, Layer, Materialized, Model};
use salesmart_staging::relation::{self, Column};

use super::prover::Prover;
use super::{Carrier, Claim, Input, Lookup, Proof};
use crate::affected::Seen;
use crate::delta::Delta;
use crate::incremental;
use crate::space::Space;

/// Tables of a small shop, each with its key.
const TABLES: [(&str, &str, &[&str]); 4] = [
    (
        "orders",
        "order_id varchar, line integer, customer varchar, currency varchar, day date, amount integer",
        &["order_id", "line"],
    ),
    ("returns", "order_id varchar, line integer, day date, quantity integer", &["order_id", "line"]),
    ("customers", "customer varchar, region varchar, since date", &["customer"]),
    ("rates", "day date, currency varchar, rate integer", &["day", "currency"]),
];

fn by(text: &str) -> Vec<ByColumn> {
    let column = |part: &str| match part.trim().split_once(" as ") {
        Some((expression, name)) => ByColumn { name: name.to_owned(), expression: Some(expression.to_owned()) },
        None => ByColumn { name: part.trim().to_owned(), expression: None },
    };
    text.split(',').map(column).collect()
}

fn tables() -> Vec<Input> {
    let conn = Connection::open_in_memory().unwrap();
    let input = |(name, columns, key): &(&str, &str, &[&str])| {
        conn.execute_batch(&format!("create table {name} ({columns})")).unwrap();
        let key = key.iter().map(|column| (*column).to_owned()).collect();
        Input { name: (*name).to_owned(), columns: relation::columns(&conn, name).unwrap(), key }
    };
    TABLES.iter().map(input).collect()
}

fn prove(by_text: &str, lookups: &[&str], sql: &str) -> Proof {
    let prover = Prover::new(None, MoneyScale::default());
    let lookups: Vec<String> = lookups.iter().map(|name| (*name).to_owned()).collect();
    let (path, by) = (PathBuf::from("m.sql"), by(by_text));
    let claim = Claim { path: &path, sql, by: &by, lookups: &lookups, has_by_columns: true };
    prover.prove(&claim, &tables()).unwrap_or_else(|error| panic!("{sql}\n{error:#}"))
}

#[test]
fn rows_that_follow_from_rows_of_the_same_value_are_proved() {
    for (by, lookups, sql) in [
        ("order_id", &[][..], "select order_id, sum(amount) as amount from orders group by order_id"),
        ("order_id", &[], "select order_id, sum(amount) as amount from orders group by all"),
        ("order_id, line", &[], "select * from orders"),
        ("customer", &[], "select customer, day, count(*) as n from orders where amount > 1 group by customer, day"),
        ("year(day) as y", &[], "select year(day) as y, sum(amount) as a from orders group by year(day)"),
        ("year(day) as y", &[], "select year(day) as y, day, sum(amount) as a from orders group by day"),
        ("customer", &[], "select customer, sum(amount) over (partition by customer, day) as a from orders"),
        (
            "customer",
            &[],
            "select * from orders qualify row_number() over (partition by customer order by day, order_id, line) = 1",
        ),
        (
            "order_id",
            &[],
            "select o.order_id, o.line, r.quantity from orders o left join returns r using (order_id, line)",
        ),
        ("order_id", &[], "select o.order_id, r.quantity from orders o, returns r where o.order_id = r.order_id"),
        ("order_id", &[], "select order_id, o.amount, r.quantity from orders o full join returns r using (order_id)"),
        (
            "order_id",
            &[],
            "select a.order_id, count(*) as n from orders a join orders b on a.order_id = b.order_id and a.line < b.line group by 1",
        ),
        ("order_id", &[], "select order_id, amount as q from orders union all select order_id, quantity from returns"),
        ("order_id", &[], "select distinct order_id, day from orders order by day"),
        ("order_id", &[], "select order_id, line from orders except select order_id, line from returns"),
        (
            "order_id",
            &[],
            "select order_id from orders o where exists (select 1 from returns r where r.order_id = o.order_id)",
        ),
        (
            "order_id",
            &[],
            "select o.order_id, s.n from orders o, (select order_id, count(*) as n from returns group by 1) s where s.order_id = o.order_id",
        ),
        (
            "order_id",
            &["customers"],
            "select o.order_id, c.region from orders o left join customers c using (customer)",
        ),
        (
            "order_id",
            &["customers"],
            "select o.order_id, c.region from orders o, customers c where c.customer = o.customer",
        ),
        (
            "order_id",
            &["customers"],
            "select o.order_id from orders o where exists (select 1 from customers c where c.customer = o.customer)",
        ),
        (
            "order_id",
            &["customers"],
            "select order_id, (select max(c.region) from customers c where c.customer = o.customer) as region from orders o",
        ),
        (
            "day",
            &["rates"],
            "select o.day, sum(o.amount * r.rate) as a from orders o join rates r on r.day = o.day and r.currency = o.currency group by o.day",
        ),
        (
            "customer",
            &["rates", "customers"],
            "select customer, region, sum(amount * rate) as a from orders join customers using (customer) left join rates using (day, currency) group by 1, 2",
        ),
        (
            "order_id",
            &["customers"],
            "with c as (select customer, upper(region) as region from customers where since is not null) select order_id, region from orders left join c using (customer)",
        ),
    ] {
        let proof = prove(by, lookups, sql);
        assert_eq!(proof.doubt, None, "{sql}");
        assert_eq!(proof.refusals, [], "{sql}");
        for lookup in lookups {
            assert!(matches!(proof.lookups.get(*lookup), Some(Lookup::Carried(_))), "{sql}\n{proof:?}");
        }
    }
}

#[test]
fn rows_that_may_follow_from_other_values_are_doubted_with_the_reason() {
    for (by, sql, reason) in [
        (
            "order_id",
            "select order_id, row_number() over (order by day) as n from orders",
            "not partitioned by order_id",
        ),
        (
            "customer",
            "select customer, sum(amount) over (partition by day) as n from orders",
            "not partitioned by customer",
        ),
        ("day", "select max(day) as day, customer from orders group by customer", "grouped without day"),
        (
            "customer",
            "select customer, count(*) as n from orders group by rollup(customer)",
            "grouped without customer",
        ),
        (
            "order_id",
            "select a.order_id from orders a join orders b on a.customer = b.customer",
            "does not compare order_id of both sides",
        ),
        (
            "order_id",
            "select a.order_id from orders a where a.day >= (select max(day) from returns)",
            "grouped without order_id",
        ),
        ("order_id", "select order_id from orders limit 10", "`limit` looks at all rows"),
        (
            "order_id",
            "select order_id from orders where order_id not in (select order_id from returns)",
            "does not compare order_id",
        ),
        ("line", "select line + 1 as line from orders", "its column line is not the line"),
        (
            "order_id",
            "select coalesce(r.order_id, o.order_id) as order_id from orders o left join returns r using (order_id)",
            "its column order_id",
        ),
        (
            "customer",
            "select c.customer, o.amount from customers c left join orders o on o.day = c.since",
            "does not compare customer of both sides",
        ),
        (
            "order_id",
            "with recursive t as (select order_id, 1 as n from orders union all select order_id, n + 1 from t where n < 3) select * from t",
            "not followed: recursive cte",
        ),
        ("order_id", "select order_id from orders union all select 'total'", "a part of a union"),
        ("order_id", "select order_id from orders using sample 10%", "not followed: sample"),
        (
            "order_id",
            "select distinct on (customer) order_id, customer from orders",
            "`distinct` compares rows without order_id",
        ),
    ] {
        let proof = prove(by, &[], sql);
        let doubt = proof.doubt.unwrap_or_else(|| panic!("proved: {sql}"));
        assert!(doubt.contains(reason), "{sql}\n{doubt}");
    }
}

#[test]
fn field_d2_lookups_that_are_no_equality_on_the_key_are_refused() {
    for (lookup, sql, reason) in [
        (
            "rates",
            "select o.order_id, r.rate from orders o asof left join rates r on r.currency = o.currency and r.day <= o.day",
            "as-of join",
        ),
        (
            "rates",
            "select o.order_id, r.rate from orders o left join rates r on r.currency = o.currency and r.day <= o.day",
            "by equality on day",
        ),
        (
            "rates",
            "select o.order_id, r.rate from orders o left join rates r on r.currency = o.currency",
            "by equality on day",
        ),
        (
            "rates",
            "select o.order_id, (select rate from rates r where r.currency = o.currency and r.day <= o.day order by r.day desc limit 1) as rate from orders o",
            "by equality on day",
        ),
        ("customers", "select o.order_id, c.region from orders o cross join customers c", "by equality on customer"),
        (
            "customers",
            "select o.order_id, c.region from orders o join customers c on c.since = o.day",
            "by equality on customer",
        ),
        (
            "customers",
            "select order_id, region from orders o join customers c on lower(c.customer) = o.customer",
            "by equality on customer",
        ),
    ] {
        let proof = prove("order_id", &[lookup], sql);
        let refusal = proof.refusals.first().unwrap_or_else(|| panic!("not refused: {sql}\n{proof:?}"));
        assert!(refusal.message.contains(reason), "{sql}\n{}", refusal.message);
        assert!(refusal.message.contains("remove `-- lookup:`"), "{}", refusal.message);
    }
}

#[test]
fn lookups_whose_readers_are_not_found_are_doubted() {
    for (lookup, sql) in [
        // The rank of a customer depends on the others.
        (
            "customers",
            "select order_id, n from orders join (select customer, row_number() over (order by since) as n from customers) using (customer)",
        ),
        ("customers", "select order_id from orders where customer not in (select customer from customers)"),
        ("customers", "select order_id, region from orders o join customers c on c.customer = lower(o.customer)"),
        (
            "customers",
            "select o.order_id, c.region from orders o left join customers c on c.customer is not distinct from o.customer",
        ),
        (
            "rates",
            "select o.order_id, t.rate from orders o join (select c.customer, r.rate from customers c join rates r on r.day = c.since and r.currency = c.region) t using (customer)",
        ),
    ] {
        let proof = prove("order_id", &[lookup], sql);
        let is_safe = matches!(proof.lookups.get(lookup), Some(Lookup::Doubtful(_))) || !proof.refusals.is_empty();
        assert!(is_safe, "{sql}\n{proof:?}");
    }
}

#[test]
fn field_d1_a_key_may_be_looked_up_under_other_names() {
    let sql = "select o.order_id, r.rate from returns t join orders o using (order_id)
               left join rates r on r.day = t.day and r.currency = o.currency";
    let proof = prove("order_id", &["rates"], sql);
    assert!(matches!(&proof.lookups["rates"], Lookup::Doubtful(_)), "columns of two inputs: {proof:?}");
    let sql = "select order_id, r.rate from (select order_id, day as ordered, currency as c from orders) o
               left join rates r on r.day = o.ordered and r.currency = o.c";
    let proof = prove("order_id", &["rates"], sql);
    let carrier = Carrier { input: "orders".to_owned(), columns: vec!["day".to_owned(), "currency".to_owned()] };
    assert_eq!(proof.lookups["rates"], Lookup::Carried(BTreeSet::from([carrier])));
}

#[test]
fn field_d1_a_wrong_by_is_refused_with_the_header_to_write() {
    let proof = prove("delivery", &[], "select order_id as delivery, sum(amount) as a from orders group by 1");
    assert!(proof.refusals[0].message.contains("write `-- by: order_id as delivery`"), "{proof:?}");
}

#[test]
fn rows_of_other_readings_of_an_input_are_not_mixed() {
    // The day is of one row of orders, the currency of another one.
    let sql = "select o.order_id, o.line, r.rate from orders o
               join (select order_id, currency from orders where line = 0) h using (order_id)
               left join rates r on r.day = o.day and r.currency = h.currency";
    assert!(matches!(prove("order_id", &["rates"], sql).lookups["rates"], Lookup::Doubtful(_)));
    let twice = "with o as (select * from orders) select a.order_id, r.rate from o a join o b using (order_id)
                 left join rates r on r.day = a.day and r.currency = b.currency";
    assert!(matches!(prove("order_id", &["rates"], twice).lookups["rates"], Lookup::Doubtful(_)));
}

#[test]
fn the_nearest_row_is_chosen_before_a_filter() {
    let sql = "select o.order_id, r.quantity from orders o asof join returns r on o.day >= r.day where r.order_id = o.order_id";
    assert!(prove("order_id", &[], sql).doubt.is_some());
    let within =
        "select o.order_id, r.quantity from orders o asof join returns r on o.order_id = r.order_id and o.day >= r.day";
    assert_eq!(prove("order_id", &[], within).doubt, None);
}

#[test]
fn a_lookup_that_is_also_read_otherwise_is_doubted() {
    let sql = "select e.customer, e.day, c.region
               from (select customer, day from orders except select region, since from customers) e
               left join customers c using (customer)";
    assert!(matches!(prove("customer, day", &["customers"], sql).lookups["customers"], Lookup::Doubtful(_)));
}

#[test]
fn places_beside_an_operator_that_is_not_followed_are_right() {
    let calendar = "with recursive n as (select 0 as k union all select k + 1 from n where k < 1)";
    let sql = format!(
        "{calendar} select t.customer as currency, k, count(*) as n
         from (select * from n cross join (select currency, customer from orders) o) t group by customer, k"
    );
    assert!(prove("currency", &[], &sql).doubt.is_some());
    let sql = format!("{calendar} select currency, k, count(*) as n from n cross join orders group by currency, k");
    assert_eq!(prove("currency", &[], &sql).doubt, None);
}

#[test]
fn what_is_equal_and_not_the_same_is_doubted() {
    let mut inputs = tables();
    inputs[0].columns[5].kind = "DOUBLE".to_owned();
    let prover = Prover::new(None, MoneyScale::default());
    let (path, by) = (PathBuf::from("m.sql"), by("amount"));
    let claim = Claim {
        path: &path,
        sql: "select amount, count(*) as n from orders group by amount",
        by: &by,
        lookups: &[],
        has_by_columns: true,
    };
    let doubt = prover.prove(&claim, &inputs).unwrap().doubt.unwrap();
    assert!(doubt.contains("values of amount may be equal and differ, as it is DOUBLE"), "{doubt}");
    let doubt = prove("order_id", &[], "select order_id, current_date - day as age from orders").doubt.unwrap();
    assert!(doubt.contains("current_date() gives another value"), "{doubt}");
}

#[test]
fn every_function_of_duckdb_that_is_not_stable_is_known() {
    let conn = Connection::open_in_memory().unwrap();
    let mut statement = conn
        .prepare(
            "select distinct function_name from duckdb_functions()
             where function_type in ('scalar', 'macro') and stability <> 'CONSISTENT' order by 1",
        )
        .unwrap();
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    // Those that a select is refused for, and those that give no value.
    let others = ["currval", "error", "nextval", "sleep_ms", "stats", "write_log"];
    let unknown: Vec<&String> = names
        .iter()
        .filter(|name| !super::stability::UNSTABLE.contains(&name.as_str()) && !others.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// A generator of numbers that are the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    fn flips(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// A random model over the shop's tables: its select and its header.
fn random_model(dice: &mut Dice) -> (String, String, Vec<&'static str>) {
    let plain = "select order_id, line, customer, currency, day, amount from orders";
    let base = dice.of(&[
        plain,
        plain,
        "select order_id, line, customer, currency, day, amount from orders where amount > 2",
        "select order_id, line, customer, currency, day, amount from orders union all
         select order_id, line, null, null, day, -quantity from returns",
        "select order_id, line, customer, currency, day, amount - coalesce(quantity, 0) as amount
         from orders left join (select order_id, line, quantity from returns) using (order_id, line)",
        "select a.order_id, a.line, a.customer, b.currency, b.day, b.amount from orders a join orders b on a.order_id = b.order_id",
        "select a.order_id, a.line, a.customer, a.currency, b.day, b.amount from orders a join orders b on a.customer = b.customer",
        "select order_id, line, customer, currency, day, amount from orders
         qualify row_number() over (partition by order_id order by line) = 1",
        "select order_id, line, customer, currency, day, amount from orders
         qualify row_number() over (partition by customer, day order by order_id, line) = 1",
        "select order_id, line, max(customer) over (partition by order_id) as customer, currency, day, amount from orders",
        "select order_id, line, customer, currency, min(day) over (partition by customer) as day, amount from orders",
        "select order_id, line, customer, currency, day, amount from orders o
         where exists (select 1 from returns r where r.order_id = o.order_id)",
        "select order_id, line, customer, currency, day, amount from orders
         where order_id not in (select order_id from returns where order_id is not null)",
    ]);
    let customers = dice.of(&[
        "select b.*, null as region from base b",
        "select b.*, c.region from base b left join customers c using (customer)",
        "select b.*, c.region from base b join customers c on c.customer = b.customer",
        "select b.*, c.region from base b left join (select * from customers where since > date '2024-01-03') c using (customer)",
        "select b.*, c.region from base b left join (select customer, region from customers
         qualify row_number() over (partition by region order by since, customer) = 1) c using (customer)",
        "select b.*, (select max(c.region) from customers c where c.customer = b.customer) as region from base b",
        "select b.*, (select count(*)::varchar from customers) as region from base b",
        "select b.*, c.region from base b left join customers c on c.since = b.day",
    ]);
    let rates = dice.of(&[
        "select p.*, 1 as rate from placed p",
        "select p.*, r.rate from placed p left join rates r using (day, currency)",
        "select p.*, r.rate from placed p left join rates r on r.day = p.day and r.currency = p.currency and r.rate > 2",
        "select p.*, r.rate from placed p asof left join rates r on r.currency = p.currency and r.day <= p.day",
        "select p.*, r.rate from placed p left join rates r on r.day = p.day",
        "select p.*, (select r.rate from rates r where r.day = p.day and r.currency = p.currency) as rate from placed p",
    ]);
    let last = dice.of(&[
        "select * from priced",
        "select distinct order_id, customer, day, region from priced",
        "select order_id, customer, day, sum(amount * rate) as amount, max(region) as region from priced group by order_id, customer, day",
        "select customer, count(distinct order_id) as orders, max(day) as day from priced group by customer",
        "select order_id, line, sum(amount) over (partition by order_id) as total, region, rate from priced",
        "select day, sum(amount) as amount, min(rate) as rate from priced group by day",
        "select year(day) as year, order_id, sum(amount) as amount from priced group by all",
        "select order_id, customer, day, amount from priced order by amount limit 5",
    ]);
    let sql = format!("with base as ({base}), placed as ({customers}), priced as ({rates}) {last}");
    // By columns that the result has.
    let has = |by: &&&str| by.split(", ").all(|column| last.contains(column) || last == "select * from priced");
    let all = ["order_id", "order_id", "customer", "day", "order_id, line", "order_id, day", "customer, day"];
    let by = dice.of(&all.iter().filter(has).copied().collect::<Vec<_>>());
    let mut lookups = Vec::new();
    for name in ["customers", "rates"] {
        if sql.contains(name) && dice.below(4) > 0 {
            lookups.push(name);
        }
    }
    (sql, by.to_owned(), lookups)
}

/// Fills a table with random rows.
fn fill(conn: &Connection, name: &str, dice: &mut Dice, rows: u64) {
    let mut all = Vec::new();
    for _ in 0..rows {
        let day = format!("date '2024-01-0{}'", 1 + dice.below(6));
        let (customer, currency) =
            (dice.of(&["'a'", "'b'", "'c'", "'d'", "null"]), dice.of(&["'EUR'", "'USD'", "null"]));
        let (order, line, amount) = (dice.below(8), dice.below(3), dice.below(9));
        let values = match name {
            "orders" => format!("'o{order}', {line}, {customer}, {currency}, {day}, {amount}"),
            "returns" => format!("'o{order}', {line}, {day}, {amount}"),
            "customers" => format!("{}, 'r{}', {day}", dice.of(&["'a'", "'b'", "'c'", "'d'"]), dice.below(3)),
            _ => format!("{day}, {}, {amount}", dice.of(&["'EUR'", "'USD'"])),
        };
        all.push(format!("({values})"));
    }
    // A key is there once.
    conn.execute_batch(&format!("insert or ignore into {name} values {}", all.join(", "))).unwrap();
}

/// What a random case came to.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Verdict {
    /// The select or its header is wrong, or nothing changed.
    None,
    /// It is built whole.
    Whole,
    Equal,
    Different,
}

/// What the program believed before it proved anything: a lookup is carried wherever its columns' names are.
fn trusting(by: &[ByColumn], lookups: &[&str], inputs: &[Input]) -> Proof {
    let has = |input: &Input, name: &str| relation::named(&input.columns, name).is_some();
    let carried = |lookup: &str| {
        let key = &inputs.iter().find(|input| input.name == lookup).unwrap().key;
        let carriers = inputs.iter().filter(|input| {
            !lookups.contains(&input.name.as_str())
                && key.iter().all(|name| has(input, name))
                && by.iter().all(|by| has(input, &by.name) || by.expression.is_some())
        });
        let carriers = carriers.map(|input| Carrier { input: input.name.clone(), columns: key.clone() }).collect();
        (lookup.to_owned(), Lookup::Carried(carriers))
    };
    Proof { lookups: lookups.iter().map(|lookup| carried(lookup)).collect(), ..Proof::default() }
}

/// Builds a random model, changes its inputs, and compares the incremental build with the whole one.
fn random_case(conn: &Connection, prover: Option<&Prover<'_>>, seed: u64) -> (Verdict, String) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
    dice.below(2);
    let (sql, by_text, lookups) = random_model(&mut dice);
    let story = format!("seed {seed}\n-- by: {by_text}\n-- lookup: {}\n{sql}", lookups.join(", "));
    let run = |sql: &str| conn.execute_batch(sql).unwrap_or_else(|error| panic!("{story}\n{error}"));
    let space = Space::new(conn).unwrap();
    space.clear_temporary(conn).unwrap();
    for (name, columns, key) in TABLES {
        run(&format!("create or replace table {name} ({columns}, unique ({}))", key.join(", ")));
        fill(conn, name, &mut dice, 14);
    }
    if conn.execute_batch(&format!("create or replace table m as {sql}")).is_err() {
        return (Verdict::None, story);
    }
    let own: Vec<Column> = relation::columns(conn, "m").unwrap();
    let by = by(&by_text);
    if by.iter().any(|by| relation::named(&own, &by.name).is_none()) {
        return (Verdict::None, story);
    }
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let model = Model {
        name: "m".to_owned(),
        path: PathBuf::from("m.sql"),
        layer: Layer::Mart,
        materialized: Materialized::Incremental,
        key: by.iter().map(|by| by.name.clone()).collect(),
        by,
        lookups: names(&lookups),
        cluster: None,
        tags: Vec::new(),
        partition: None,
        description: String::new(),
        sql,
    };
    let mut inputs = Vec::new();
    for (name, _, key) in TABLES.iter().filter(|(name, _, _)| model.sql.contains(name)) {
        run(&format!("create or replace table {name}_old as select * from {name}"));
        if dice.flips() {
            run(&format!("delete from {name} where hash(rowid, {seed}) % 5 = 0"));
            fill(conn, name, &mut dice, 4);
        }
        let seen = |kind: &str, one: &str, other: &str| {
            run(&format!("create or replace table {name}_{kind} as from {one} except all from {other}"));
            format!("memory.main.{name}_{kind}")
        };
        let removed = seen("removed", &format!("{name}_old"), name);
        let added = seen("added", name, &format!("{name}_old"));
        let rows: u64 = conn
            .query_row(
                &format!("select (select count(*) from {removed}) + (select count(*) from {added})"),
                [],
                |row| row.get(0),
            )
            .unwrap();
        let mut seen = Seen {
            name: (*name).to_owned(),
            now: format!("memory.main.{name}"),
            delta: if rows == 0 { Delta::Same } else { Delta::Rows { removed, added } },
            scope: None,
            key: names(key),
            cluster: None,
            columns: Vec::new(),
            by: None,
        };
        seen.bind(conn, &model.by, &model.lookups).unwrap();
        inputs.push(seen);
    }
    let read: Vec<Input> = inputs
        .iter()
        .map(|seen| Input { name: seen.name.clone(), columns: seen.columns.clone(), key: seen.key.clone() })
        .collect();
    let proof = match prover {
        Some(prover) => prover.prove(&crate::declared::claim(&model), &read).unwrap(),
        None => trusting(&model.by, &lookups, &read),
    };
    if prover.is_some() {
        inputs.iter_mut().for_each(|seen| seen.restrict_only(&proof.restricted));
    }
    let is_found = |seen: &Seen| {
        seen.delta == Delta::Same
            || seen.by.is_some()
            || matches!(proof.lookups.get(&seen.name), Some(Lookup::Carried(_)))
    };
    let has_by = inputs.iter().any(|seen| seen.by.is_some());
    if proof.doubt.is_some() || !proof.refusals.is_empty() || !has_by || !inputs.iter().all(is_found) {
        return (Verdict::Whole, story);
    }
    let found = match incremental::build(conn, &space, &model, &proof, &inputs) {
        Ok(Some(built)) => built.now,
        Ok(None) => return (Verdict::Whole, story),
        Err(error) => return (Verdict::Different, format!("{story}\n{error:#}")),
    };
    let differing: u64 = conn
        .query_row(
            &format!(
                "with whole as ({}) select (select count(*) from (from whole except all from {found}))
                 + (select count(*) from (from {found} except all from whole))",
                model.sql
            ),
            [],
            |row| row.get(0),
        )
        .unwrap_or_else(|error| panic!("{story}\n{error}"));
    (if differing == 0 { Verdict::Equal } else { Verdict::Different }, story)
}

#[test]
fn random_models_are_what_a_whole_build_gives_and_without_proofs_they_are_not() {
    let cases: u64 = std::env::var("SALESMART_PROPERTY_CASES").map_or(80, |cases| cases.parse().unwrap());
    let mut counts: BTreeMap<(bool, String), u64> = BTreeMap::new();
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("set threads = 1").unwrap();
    let prover = Prover::new(None, MoneyScale::default());
    for seed in 0..cases {
        for is_proved in [true, false] {
            let (verdict, story) = random_case(&conn, Some(&prover).filter(|_| is_proved), seed);
            assert!(!is_proved || verdict != Verdict::Different, "not what a whole build gives\n{story}");
            *counts.entry((is_proved, format!("{verdict:?}"))).or_default() += 1;
        }
    }
    let count =
        |is_proved: bool, verdict: Verdict| counts.get(&(is_proved, format!("{verdict:?}"))).copied().unwrap_or(0);
    // Else this test would compare whole builds with each other, or random models that have no fault.
    assert!(count(true, Verdict::Equal) * 10 > cases, "{counts:?}");
    assert!(count(false, Verdict::Different) * 10 > cases, "{counts:?}");
}
