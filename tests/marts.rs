//! Each mart by hand: the given sales, the expected rows.
//!
//! Given: three customers and an unknown one, three products, two shops, a return, a refund, a correction, a
//! duplicate, missing cost, missing category, missing revenue.

use std::sync::OnceLock;

use crate::harness::{Project, SALES_HEADER};

const JANUARY: &str = "\
T1,O1,2024-01-10 09:00:00,C1,Ann,P1,Ball,Toys,North,Kiel,Kiel 1,2,10.00,20.00,12.00
T2,O1,2024-01-10 09:00:00,C1,Ann,P2,Lamp,,North,Kiel,Kiel 1,1,30.00,30.00,
T3,O2,2024-01-20 10:00:00,C2,Bob,P1,Ball,Toys,South,Ulm,Ulm 1,1,10.00,,6.00
T3,O2,2024-01-20 10:00:00,C2,Bob,P1,Ball,Toys,South,Ulm,Ulm 1,1,10.00,,6.00
T4,O3,2024-01-31 23:59:59,,,P3,Mug,Home,,,,4,2.125,8.50,4.00
";

const FEBRUARY: &str = "\
T5,O4,2024-02-05 08:00:00,C1,Anna,P1,Ball,Toys,North,Kiel,Kiel 1,1,11.00,11.00,6.00
T6,O5,2024-02-06 08:00:00,C2,Bob,P1,Ball,Toys,South,Ulm,Ulm 1,-1,10.00,-10.00,6.00
T7,O6,2024-02-07 08:00:00,C3,Cid,P2,Desk Lamp,Home,South,Ulm,,1,30.00,30.00,20.00
T8,O7,2024-02-07 09:00:00,C3,Cid,P2,Desk Lamp,Home,South,Ulm,,1,5.00,-5.00,
T4,O3,2024-02-01 00:00:00,,,P3,Mug,Home,,,,5,2.125,10.625,5.00
T9,O8,2024-02-08 08:00:00,C4,Dan,P1,Ball,Toys,South,Ulm,Ulm 1,-2,10.00,-20.00,12.00
";

fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| {
        let project = Project::new();
        project.write("data/raw/sales_2024-01.csv", format!("{SALES_HEADER}\n{JANUARY}"));
        project.write("data/raw/sales_2024-02.csv", format!("{SALES_HEADER}\n{FEBRUARY}"));
        project.ok(&["run"]);
        project
    })
}

#[track_caller]
fn expect(query: &str, rows: &[&str]) {
    assert_eq!(project().staged(query), rows, "{query}");
}

#[test]
fn stg_sales_keeps_the_latest_version_and_signs_returns() {
    expect(
        "select transaction_id, sold_at, quantity, revenue, cost, profit, margin, is_return from stg_sales order by 1",
        &[
            "T1,2024-01-10 09:00:00,2.0000,20.0000,12.0000,8.0000,0.400000,false",
            "T2,2024-01-10 09:00:00,1.0000,30.0000,,,,false",
            // Revenue left out: quantity times price.
            "T3,2024-01-20 10:00:00,1.0000,10.0000,6.0000,4.0000,0.400000,false",
            // Corrected in the later file, and moved to February.
            "T4,2024-02-01 00:00:00,5.0000,10.6250,5.0000,5.6250,0.529412,false",
            "T5,2024-02-05 08:00:00,1.0000,11.0000,6.0000,5.0000,0.454545,false",
            // Returned goods: cost counts negatively, too.
            "T6,2024-02-06 08:00:00,-1.0000,-10.0000,-6.0000,-4.0000,0.400000,true",
            "T7,2024-02-07 08:00:00,1.0000,30.0000,20.0000,10.0000,0.333333,false",
            // Negative revenue for positive quantity: taken back, too.
            "T8,2024-02-07 09:00:00,-1.0000,-5.0000,,,,true",
            "T9,2024-02-08 08:00:00,-2.0000,-20.0000,-12.0000,-8.0000,0.400000,true",
        ],
    );
}

#[test]
fn dim_product_has_the_latest_stated_name_and_category() {
    expect(
        "select product_id = surrogate_key(product_code), product_id = 0, product_code, product_name, category from dim_product order by product_code nulls first",
        &[
            "true,true,,Unknown,Unknown",
            "true,false,P1,Ball,Toys",
            "true,false,P2,Desk Lamp,Home",
            "true,false,P3,Mug,Home",
        ],
    );
}

#[test]
fn dim_region_has_every_place_and_the_unknown_one() {
    expect(
        "select region, city, store, region_id = 0 from dim_region order by 1, 2, 3",
        &[
            "North,Kiel,Kiel 1,false",
            "South,Ulm,Ulm 1,false",
            "South,Ulm,Unknown,false",
            "Unknown,Unknown,Unknown,true",
        ],
    );
}

#[test]
fn dim_date_has_every_day_of_the_year() {
    expect("select count(*), min(date_id), max(date_id) from dim_date", &["366,20240101,20241231"]);
    expect(
        "select full_date, year, quarter, month, month_id, month_name, iso_year, iso_week, day, day_of_week, day_name, is_weekend from dim_date where date_id in (20240229, 20241230, 20240601) order by 1",
        &[
            "2024-02-29,2024,1,2,202402,February,2024,9,29,4,Thursday,false",
            "2024-06-01,2024,2,6,202406,June,2024,22,1,6,Saturday,true",
            "2024-12-30,2024,4,12,202412,December,2025,1,30,1,Monday,false",
        ],
    );
}

#[test]
fn dim_customer_scores_buyers_and_only_them() {
    // C1 bought on 10 January and 5 February (61.00), C2 on 20 January (net 0.00, one order),
    // C3 on 7 February (net 25.00), C4 only returned things.
    expect(
        "select customer_code, customer_name, first_order_date, last_order_date, frequency, lifetime_value,
                recency_score, frequency_score, monetary_score, segment
         from dim_customer order by customer_code nulls first",
        &[
            ",Unknown,,,0,0.0000,,,,Unknown",
            "C1,Anna,2024-01-10,2024-02-05,2,61.0000,3,5,5,Loyal",
            "C2,Bob,2024-01-20,2024-01-20,1,0.0000,1,1,1,Lost",
            "C3,Cid,2024-02-07,2024-02-07,1,25.0000,5,1,3,New",
            "C4,Dan,,,0,-20.0000,,,,No Purchase",
        ],
    );
}

#[test]
fn every_rfm_cell_has_the_segment_that_the_rules_say() {
    let sql = std::fs::read_to_string(project().path("sql/marts/dim_customer.sql")).unwrap();
    let start = sql.find("case\n            when recency_score >= 4 and frequency_score >= 4").unwrap();
    let case = &sql[start..start + sql[start..].find("end as segment").unwrap() + 3];
    let cells = "(select unnest(range(1, 6)) as recency_score) cross join (select unnest(range(1, 6)) as frequency_score) cross join (select unnest(range(1, 6)) as monetary_score)";
    let counted = project().staged(&format!(
        "select segment, count(*) from (select {case} as segment from {cells}) group by 1 order by 1"
    ));
    assert_eq!(
        counted,
        [
            "About to Sleep,4",
            "At Risk,26",
            "Can't Lose,4",
            "Champions,8",
            "Hibernating,16",
            "Lost,4",
            "Loyal,22",
            "Need Attention,11",
            "New,5",
            "Potential Loyalist,20",
            "Promising,5",
        ]
    );
}

#[test]
fn fact_sales_has_every_line_with_its_keys() {
    expect(
        "select date_id, sale_id = surrogate_key(transaction_id), product_code, coalesce(customer_code, '-'), region, transaction_id, order_id,
                fact_sales.quantity, fact_sales.revenue, is_return, created_at
         from fact_sales join dim_product using (product_id) join dim_customer using (customer_id) join dim_region using (region_id) order by transaction_id",
        &[
            "20240110,true,P1,C1,North,T1,O1,2.0000,20.0000,false,2024-01-10 09:00:00",
            "20240110,true,P2,C1,North,T2,O1,1.0000,30.0000,false,2024-01-10 09:00:00",
            "20240120,true,P1,C2,South,T3,O2,1.0000,10.0000,false,2024-01-20 10:00:00",
            "20240201,true,P3,-,Unknown,T4,O3,5.0000,10.6250,false,2024-02-01 00:00:00",
            "20240205,true,P1,C1,North,T5,O4,1.0000,11.0000,false,2024-02-05 08:00:00",
            "20240206,true,P1,C2,South,T6,O5,-1.0000,-10.0000,true,2024-02-06 08:00:00",
            "20240207,true,P2,C3,South,T7,O6,1.0000,30.0000,false,2024-02-07 08:00:00",
            "20240207,true,P2,C3,South,T8,O7,-1.0000,-5.0000,true,2024-02-07 09:00:00",
            "20240208,true,P1,C4,South,T9,O8,-2.0000,-20.0000,true,2024-02-08 08:00:00",
        ],
    );
}

#[test]
fn agg_daily_sales_sums_days_places_and_categories() {
    expect(
        "select date_id, region, store, category, sale_lines, orders, quantity, revenue, profit, revenue_with_cost
         from agg_daily_sales join dim_region using (region_id) order by 1, 2, 3, 4",
        &[
            // The lamp's category is stated in February only; it holds for all its sales.
            "20240110,North,Kiel 1,Home,1,1,1.0000,30.0000,,0.0000",
            "20240110,North,Kiel 1,Toys,1,1,2.0000,20.0000,8.0000,20.0000",
            "20240120,South,Ulm 1,Toys,1,1,1.0000,10.0000,4.0000,10.0000",
            "20240201,Unknown,Unknown,Home,1,1,5.0000,10.6250,5.6250,10.6250",
            "20240205,North,Kiel 1,Toys,1,1,1.0000,11.0000,5.0000,11.0000",
            "20240206,South,Ulm 1,Toys,1,0,-1.0000,-10.0000,-4.0000,-10.0000",
            "20240207,South,Unknown,Home,2,1,0.0000,25.0000,10.0000,30.0000",
            "20240208,South,Ulm 1,Toys,1,0,-2.0000,-20.0000,-8.0000,-20.0000",
        ],
    );
}

#[test]
fn agg_monthly_product_sums_months_and_products() {
    expect(
        "select month_id, product_code, sale_lines, orders, m.quantity, m.revenue, m.profit, m.revenue_with_cost
         from agg_monthly_product as m join dim_product using (product_id) order by 1, 2",
        &[
            "202401,P1,2,2,3.0000,30.0000,12.0000,30.0000",
            "202401,P2,1,1,1.0000,30.0000,,0.0000",
            "202402,P1,3,1,-2.0000,-19.0000,-7.0000,-19.0000",
            "202402,P2,2,1,0.0000,25.0000,10.0000,30.0000",
            "202402,P3,1,1,5.0000,10.6250,5.6250,10.6250",
        ],
    );
}

#[test]
fn agg_customer_cohort_counts_who_came_back() {
    expect(
        "select * from agg_customer_cohort order by 1, 2",
        &["202401,0,2,2,1.000000,60.0000", "202401,1,1,2,0.500000,11.0000", "202402,0,1,1,1.000000,30.0000"],
    );
}

#[test]
fn the_warehouse_holds_what_the_marts_hold() {
    let project = project();
    for (table, columns) in [
        ("dim_customer", "customer_id, customer_code, customer_name, lifetime_value, segment"),
        ("fact_sales", "sale_id, date_id, transaction_id, quantity, revenue, cost, profit, margin, created_at"),
        ("agg_daily_sales", "date_id, region_id, category, revenue, profit"),
        ("dim_date", "date_id, full_date, month_name"),
    ] {
        let ours = project.staged(&format!("select {columns} from {table} order by 1, 2, 3"));
        let theirs = project.pushed(&format!(
            "select {} from mart.{table} order by {table}.{}",
            columns.replace(", ", "::text, ") + "::text",
            columns.replace(", ", &format!(", {table}."))
        ));
        let theirs: Vec<String> = theirs.into_iter().collect();
        let mut ours = ours;
        let mut sorted = theirs;
        ours.sort();
        sorted.sort();
        assert_eq!(ours, sorted, "{table}");
    }
}

#[test]
fn one_customer_alone_is_the_most_recent_and_no_more() {
    let project = Project::new();
    project.write("data/raw/sales_1.csv", format!("{SALES_HEADER}\n{}", JANUARY.lines().next().unwrap()));
    project.ok(&["run"]);
    assert_eq!(
        project.staged(
            "select recency_score, frequency_score, monetary_score, segment from dim_customer where customer_id <> 0"
        ),
        ["5,1,1,New"]
    );
}
