//! The sample: the same bytes everywhere, and what was planted is what is found.

use std::collections::BTreeMap;
use std::path::Path;

use crate::harness::Project;

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| !entry.file_name().to_string_lossy().ends_with(".errors.csv"))
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn the_committed_sample_is_what_the_program_generates() {
    let project = Project::new();
    project.ok(&["sample", "--rows", "3000", "--days", "730", "--seed", "1", "--out", "again"]);
    let committed = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample"));
    assert!(
        files(&project.path("again")) == committed,
        "regenerate with: salesmart sample --rows 3000 --days 730 --seed 1 --out data/sample"
    );
    project.ok(&["sample", "--rows", "3000", "--days", "730", "--seed", "2", "--out", "other"]);
    assert!(files(&project.path("other")) != committed);
    assert!(project.fails(&["sample", "--rows", "0", "--out", "none"]).contains("at least one row"));
}

#[test]
fn a_run_arrives_at_what_the_manifest_says_and_finds_what_was_planted() {
    let project = Project::new();
    project.ok(&["sample", "--rows", "30000", "--days", "730", "--seed", "7", "--out", "data/raw"]);
    project.ok(&["run"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(project.path("data/raw/manifest.json")).unwrap()).unwrap();
    let number = |path: &str| manifest.pointer(path).unwrap().as_u64().unwrap();
    assert!(number("/planted_dirt/corrections") > 50 && number("/planted_dirt/moved_to_another_month") > 10);
    assert_eq!(
        project.staged("select sum(records), sum(rejected) from ingest.files"),
        [format!("{},{}", number("/records"), number("/rejects"))]
    );
    let planted = |name: &str| number(&format!("/planted_dirt/{name}"));
    assert_eq!(
        project.staged("select code, count(*) from rejects group by 1 order by 1"),
        [
            format!("bad_date,{}", planted("bad_dates")),
            format!("not_a_number,{}", planted("text_in_number")),
            format!("required,{}", planted("missing_product")),
            format!("too_few_fields,{}", planted("too_few_fields")),
            format!("too_many_fields,{}", planted("too_many_fields")),
        ]
    );
    let revenue = project.pushed("select count(*) as n, trim_scale(sum(revenue)) as r from mart.fact_sales");
    assert_eq!(revenue, [format!("{},{}", number("/sale_lines"), manifest["revenue"].as_str().unwrap())]);

    let discounts = project.pushed("select trim_scale(sum(discount_amount)) as d from mart.fact_sales");
    assert_eq!(discounts, [manifest["discount_amount"].as_str().unwrap()]);

    let share = project.pushed(
        "select round(100 * sum(revenue) filter (where place <= 0.2) / sum(revenue)) as share
         from (select revenue, percent_rank() over (order by revenue desc) as place from (select sum(revenue) as revenue from mart.fact_sales group by product_id) as p) as q",
    );
    let share: i64 = share[0].parse().unwrap();
    assert!((70..=90).contains(&share), "a fifth of the products makes {share} % of the revenue");
    let best = |sql: &str| project.pushed(sql)[0].clone();
    assert_eq!(
        best(
            "select quarter from mart.fact_sales join mart.dim_date using (date_id) group by 1 order by sum(revenue) desc limit 1"
        ),
        "4"
    );
    assert_eq!(
        best(
            "select region from mart.fact_sales join mart.dim_region using (region_id) group by 1 order by sum(revenue) desc limit 1"
        ),
        "North"
    );
    assert_eq!(
        best("select region from (select distinct customer_id, region, last_order_date < (select max(created_at) from mart.fact_sales) - interval '180 days' as is_lost
                from mart.fact_sales join mart.dim_region using (region_id) join mart.dim_customer using (customer_id) where customer_id <> 0 and region <> 'Unknown') as c
              group by 1 order by avg(is_lost::int) desc limit 1"),
        "North"
    );
    assert_eq!(
        best(
            "select category from mart.agg_daily_sales where category <> 'Unknown' group by 1 order by sum(profit) / sum(revenue_with_cost) desc limit 1"
        ),
        "Electronics"
    );
    assert_eq!(
        best(
            "select category from mart.agg_daily_sales where category <> 'Unknown' group by 1 order by sum(quantity) limit 1"
        ),
        "Electronics"
    );
    // Percent of the price before the discount, and hundredths of a unit per line sold.
    let clothing = |condition: &str| -> Vec<i64> {
        let figures = project.pushed(&format!(
            "select round(100 * sum(discount_amount) / sum(discount_amount + revenue)) as depth, round(100 * avg(quantity)) as units
             from mart.fact_sales join mart.dim_product using (product_id) where not is_return and {condition}"
        ));
        figures[0].split(',').map(|figure| figure.parse().unwrap()).collect()
    };
    let (deep, little) = (clothing("category = 'Clothing'"), clothing("category not in ('Clothing', 'Unknown')"));
    assert!(deep[0] >= 7 && little[0] <= 1, "{deep:?} {little:?}");
    let (reduced, regular) = (
        clothing("category = 'Clothing' and discount_amount > 0"),
        clothing("category = 'Clothing' and discount_amount = 0"),
    );
    assert!((reduced[1] - regular[1]).abs() <= 10, "nobody buys more: {reduced:?} {regular:?}");
    let retention = project.pushed(
        "select months_since, round(100.0 * sum(customers) / sum(cohort_size)) as percent from mart.agg_customer_cohort
         where months_since between 2 and 4 group by 1 order by 1",
    );
    let percent: Vec<i64> = retention.iter().map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert!(percent[1] < percent[0] && percent[1] < percent[2], "the third month dips: {retention:?}");
}
