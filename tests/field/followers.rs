//! Subscribers and triggers of others see every row that a sync writes.

use std::time::{Duration, Instant};

use postgres::Client;

use crate::harness::edits::{Dice, change};
use crate::harness::running::PATIENCE;
use crate::harness::{Project, Server};
use salesmart_warehouse::embedded::Durability;

/// A server whose changes can be subscribed to.
fn publisher() -> Server {
    let mut server = Server::new(Durability::None);
    server.configure("wal_level = logical");
    server.stop();
    server.start();
    server
}

/// Makes the tables of another database without their partitions; with `months`, also the partitions, as tables of their own.
fn copy_tables(from: &mut Client, to: &mut Client, months: &[&str]) {
    let tables = from
        .query(
            "select relnamespace::regnamespace::text, relname::text,
                    (select string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' order by attnum)
                     from pg_attribute where attrelid = pg_class.oid and attnum > 0 and not attisdropped),
                    (select pg_get_constraintdef(oid) from pg_constraint where conrelid = pg_class.oid and contype = 'p')
             from pg_class where relnamespace in ('mart'::regnamespace, 'etl'::regnamespace) and relkind in ('r', 'p') and not relispartition",
            &[],
        )
        .unwrap();
    to.batch_execute("create schema mart; create schema etl").unwrap();
    for row in tables {
        let [schema, name, columns]: [String; 3] = [row.get(0), row.get(1), row.get(2)];
        let key: Option<String> = row.get(3);
        let key = key.map_or_else(String::new, |key| format!(", {key}"));
        to.batch_execute(&format!("create table {schema}.{name} ({columns}{key})")).unwrap();
        if name == "fact_sales" {
            for month in months {
                to.batch_execute(&format!("create table mart.fact_sales_p{month} ({columns}{key})")).unwrap();
            }
        }
    }
}

/// All rows of some relations, as text.
fn rows(client: &mut Client, relations: &[String]) -> Vec<String> {
    let selects: Vec<String> =
        relations.iter().map(|relation| format!("select t::text from {relation} as t")).collect();
    let sql = format!("{} order by 1", selects.join(" union all "));
    client.query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// Waits until the subscriber holds the publisher's sales.
#[track_caller]
fn arrives(publisher: &mut Client, subscriber: &mut Client, relations: &[String], when: &str) {
    let sent = rows(publisher, &["mart.fact_sales".to_owned()]);
    let started = Instant::now();
    loop {
        let held = rows(subscriber, relations);
        if held == sent {
            return;
        }
        assert!(started.elapsed() < PATIENCE / 4, "{} of {} rows {when}", held.len(), sent.len());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Random changes of a project whose sales are published, after each of which the subscriber holds them all.
fn subscribed(publication: &str, by_partition: bool, seed: u64) {
    let months: &[&str] = if by_partition { &["202401", "202402", "202403", "202404"] } else { &[] };
    let (publisher, subscriber) = (publisher(), Server::new(Durability::None));
    let project = Project::with_url(Some(publisher.url()));
    project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
    project.ok(&["migrate"]);
    let (mut source, mut target) = (publisher.connect(), subscriber.connect());
    copy_tables(&mut source, &mut target, months);
    source.batch_execute(publication).unwrap();
    let running = publisher.running();
    target
        .batch_execute(&format!(
            "create subscription bi connection 'host=127.0.0.1 port={} user=salesmart password={} dbname=salesmart' publication bi",
            running.port(),
            running.password()
        ))
        .unwrap();
    let relations: Vec<String> = match by_partition {
        true => months.iter().map(|month| format!("mart.fact_sales_p{month}")).collect(),
        false => vec!["mart.fact_sales".to_owned()],
    };
    let (mut dice, mut files, mut history) = (Dice::new(seed), Vec::new(), Vec::new());
    project.write("data/raw/sales_000.csv", dice.records(20));
    for _ in 0..6 {
        project.ok(&["run", "--allow-deletes"]);
        if by_partition {
            // A subscriber of partitions learns of new ones when it is told.
            target.batch_execute("alter subscription bi refresh publication").unwrap();
        }
        arrives(&mut source, &mut target, &relations, &format!("after {} (seed {seed})", history.join(", ")));
        for _ in 0..=dice.below(2) {
            history.push(change(&project, &mut dice, &mut files));
        }
    }
    target.batch_execute("drop subscription bi").unwrap();
}

#[test]
fn field_h1_a_subscriber_of_the_table_receives_the_rows_of_new_months_and_moved_sales() {
    let publication = "create publication bi for table mart.fact_sales with (publish_via_partition_root = true)";
    subscribed(publication, false, 11);
}

#[test]
fn field_h1_a_subscriber_of_all_tables_receives_the_rows_of_new_months() {
    subscribed("create publication bi for all tables with (publish_via_partition_root = true)", false, 12);
}

#[test]
fn field_h1_a_subscriber_of_the_schema_receives_the_rows_of_new_months() {
    let publication = "create publication bi for tables in schema mart with (publish_via_partition_root = true)";
    subscribed(publication, false, 13);
}

#[test]
fn field_h1_a_subscriber_of_the_partitions_receives_the_rows_of_new_months() {
    subscribed("create publication bi for table mart.fact_sales", true, 14);
}

/// Copies of the sales, kept by a row trigger and by statement triggers with transition tables.
const TRIGGERS: &str = "
    create table public.by_row as select * from mart.fact_sales limit 0;
    create table public.by_statement as select * from mart.fact_sales limit 0;
    create function public.copy_row() returns trigger language plpgsql as $$
    begin
        if tg_op <> 'INSERT' then
            delete from public.by_row where (date_id, sale_id) = (old.date_id, old.sale_id);
        end if;
        if tg_op <> 'DELETE' then
            insert into public.by_row values (new.*);
        end if;
        return null;
    end $$;
    create function public.copy_inserted() returns trigger language plpgsql as $$
    begin
        insert into public.by_statement select * from new_rows;
        return null;
    end $$;
    create function public.copy_deleted() returns trigger language plpgsql as $$
    begin
        delete from public.by_statement where (date_id, sale_id) in (select date_id, sale_id from old_rows);
        return null;
    end $$;
    create function public.copy_updated() returns trigger language plpgsql as $$
    begin
        delete from public.by_statement where (date_id, sale_id) in (select date_id, sale_id from old_rows);
        insert into public.by_statement select * from new_rows;
        return null;
    end $$;
    create trigger by_row after insert or update or delete on mart.fact_sales for each row execute function public.copy_row();
    create trigger inserted after insert on mart.fact_sales referencing new table as new_rows
        for each statement execute function public.copy_inserted();
    create trigger updated after update on mart.fact_sales referencing old table as old_rows new table as new_rows
        for each statement execute function public.copy_updated();
    create trigger deleted after delete on mart.fact_sales referencing old table as old_rows
        for each statement execute function public.copy_deleted();";

#[test]
fn field_h1_row_and_statement_triggers_of_others_see_the_rows_of_new_months_and_moved_sales() {
    for seed in 21..23 {
        let project = Project::new();
        project.edit("data/contracts/sales.toml", "max_rejects = \"5%\"", "max_rejects = \"100%\"");
        project.ok(&["migrate"]);
        let mut warehouse = project.warehouse();
        warehouse.batch_execute(TRIGGERS).unwrap();
        let (mut dice, mut files, mut history) = (Dice::new(seed), Vec::new(), Vec::new());
        project.write("data/raw/sales_000.csv", dice.records(20));
        for _ in 0..6 {
            project.ok(&["run", "--allow-deletes"]);
            let when = format!("after {} (seed {seed})", history.join(", "));
            project.warehouse_equals_marts(&when);
            let sales = rows(&mut warehouse, &["mart.fact_sales".to_owned()]);
            assert_eq!(rows(&mut warehouse, &["public.by_row".to_owned()]), sales, "{when}");
            assert_eq!(rows(&mut warehouse, &["public.by_statement".to_owned()]), sales, "{when}");
            for _ in 0..=dice.below(2) {
                history.push(change(&project, &mut dice, &mut files));
            }
        }
    }
}
