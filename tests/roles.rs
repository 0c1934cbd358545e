//! Logins with few rights, as docs/warehouse.md sets them up: the statements are taken from there.

use crate::harness::{Cluster, Project, sale};
use crate::sync::assert_equal;

/// The project, and its database as an administrator prepares it.
struct Shop {
    project: Project,
    admin: String,
    database: String,
    /// Behind the names of roles, which belong to the whole cluster.
    suffix: String,
}

impl Shop {
    fn new(suffix: &str) -> Self {
        let admin = Cluster::get().database();
        let database = admin.rsplit('/').next().unwrap().to_owned();
        let shop = Self { project: Project::with_url(Some(admin.clone())), admin, database, suffix: suffix.to_owned() };
        let reader = "do $$ begin create role salesmart_reader nologin; exception when duplicate_object or unique_violation then null; end $$";
        Cluster::connect(&shop.admin).batch_execute(reader).unwrap();
        shop.follow("create role salesmart_owner");
        shop
    }

    /// Runs the block of statements of the documentation that holds this text.
    fn follow(&self, text: &str) {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/warehouse.md")).unwrap();
        let mut blocks = page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let block = blocks.find(|block| block.contains(text)).unwrap();
        // The reader is there already: its name is not an example, and all tests share it.
        let mut sql = block.replace("create role salesmart_reader nologin;\n", "");
        for role in ["salesmart_owner", "salesmart_migrate", "salesmart_sync", "salesmart_load", "dashboard"] {
            sql = sql.replace(role, &self.role(role));
        }
        sql = sql.replace("database shop", &format!("database {}", self.database));
        Cluster::connect(&self.admin).batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    fn role(&self, name: &str) -> String {
        format!("{name}_{}_{}", self.suffix, std::process::id())
    }

    fn log_in(&mut self, name: &str) -> &Project {
        self.project.set_url(Cluster::get().url(&self.role(name), "change-me", &self.database));
        &self.project
    }

    /// Sales of this month, and a change of the first ones.
    fn sell(&self, month: u32) {
        let records = [
            sale(&format!("T{month}"), "O1", &format!("2024-0{month}-01 10:00:00"), "C1", &format!("P{month}"), "10"),
            sale("T0", "O0", "2024-01-15 10:00:00", "C0", "P0", &format!("{month}.5")),
        ];
        self.project.sales(&format!("sales_{month}.csv"), &records);
    }
}

#[test]
fn logins_of_an_owner_migrate_and_sync_and_make_months() {
    let mut shop = Shop::new("own");
    shop.log_in("salesmart_migrate").ok(&["migrate"]);
    shop.follow("revoke create on database");
    assert!(shop.project.warehouse().batch_execute("create schema other").is_err());
    for month in 1..=2 {
        shop.sell(month);
        shop.log_in("salesmart_sync").ok(&["run"]);
    }
    shop.follow("grant set on parameter session_replication_role");
    for month in 3..=4 {
        shop.sell(month);
        shop.log_in("salesmart_sync").ok(&["run"]);
    }
    let owner = shop.role("salesmart_owner");
    let owners =
        shop.project.pushed("select distinct tableowner::text as o from pg_tables where schemaname in ('mart', 'etl')");
    assert_eq!(owners, [owner]);
    assert_eq!(
        shop.project.pushed("select count(*) as n from pg_inherits where inhparent = 'mart.fact_sales'::regclass"),
        ["4"]
    );
    // The tables of months are the migrating login's to change, though another one made them.
    shop.project.write("sql/postgres/migrations/V40__index.sql", "create index on mart.fact_sales (customer_id)");
    shop.log_in("salesmart_migrate").ok(&["migrate"]);
    shop.sell(5);
    shop.log_in("salesmart_sync").ok(&["run"]);
    assert_equal(&shop.project);

    shop.follow("create role dashboard");
    let mut reader = shop.log_in("dashboard").warehouse();
    for table in ["mart.fact_sales", "mart.fact_sales_p202405", "mart.dim_product", "etl.sync_run"] {
        reader.query(&format!("select from {table}"), &[]).unwrap();
    }
    assert!(reader.batch_execute("delete from mart.fact_sales").is_err());
    shop.sell(6);
    let error = shop.project.fails(&["run"]);
    assert!(
        error.contains("the login lacks a right in the warehouse; nothing was changed; docs/warehouse.md says"),
        "{error}"
    );
}

#[test]
fn a_login_that_changes_rows_only_needs_a_partition_for_the_rest() {
    let mut shop = Shop::new("rows");
    shop.log_in("salesmart_migrate").ok(&["migrate"]);
    shop.sell(1);
    shop.log_in("salesmart_sync").ok(&["run"]);
    shop.follow("create role salesmart_load");
    for month in 2..=3 {
        shop.sell(month);
        let said = shop.log_in("salesmart_load").ok(&["run"]).stderr;
        assert!(!said.contains("could not be kept"), "{said}");
    }
    let role = shop.role("salesmart_load");
    let grant = format!("grant set on parameter session_replication_role to {role}");
    Cluster::connect(&shop.admin).batch_execute(&grant).unwrap();
    shop.sell(4);
    shop.log_in("salesmart_load").ok(&["run"]);
    assert_equal(&shop.project);
    assert_eq!(
        shop.project
            .pushed("select count(*) as n from mart.fact_sales where tableoid = 'mart.fact_sales_rest'::regclass"),
        ["3"]
    );
    assert!(shop.project.warehouse().batch_execute("create table mart.other ()").is_err());
    let numbers = shop.project.pushed("select run_number from etl.sync_run order by 1");
    assert_eq!(numbers, ["1", "2", "3", "4"]);
}

#[test]
fn a_month_without_a_place_is_refused_with_the_page_to_read() {
    let mut shop = Shop::new("none");
    shop.log_in("salesmart_migrate").ok(&["migrate"]);
    shop.follow("create role salesmart_load");
    Cluster::connect(&shop.admin).batch_execute("drop table mart.fact_sales_rest").unwrap();
    shop.sell(1);
    let error = shop.log_in("salesmart_load").fails(&["run"]);
    assert!(
        error.contains("the login lacks a right in the warehouse; nothing was changed; docs/warehouse.md"),
        "{error}"
    );
    assert!(error.contains("fact_sales"), "{error}");
    shop.log_in("salesmart_sync").ok(&["run"]);
    assert_equal(&shop.project);
}
