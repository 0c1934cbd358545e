//! Foreign keys hold after every sync, whether the login may skip the triggers that check them or not.

use crate::harness::{Cluster, Project, sale};
use crate::sync::{assert_equal, project};

/// From here on the project uses a login that may not skip triggers.
fn without_privileges(project: &mut Project) {
    let name = format!("plain_{}_{}", std::process::id(), project.url().rsplit('_').next().unwrap());
    let database = project.url().rsplit('/').next().unwrap().to_owned();
    project
        .warehouse()
        .batch_execute(&format!(
            "create role {name} login password 'plain'; grant create on database {database} to {name}"
        ))
        .unwrap();
    project.set_url(Cluster::get().url(&name, "plain", &database));
}

/// The build lets marts pass that do not fit together.
fn without_checks(project: &Project) {
    std::fs::remove_dir_all(project.path("sql/checks")).unwrap();
}

#[test]
fn a_login_without_privileges_syncs_with_the_triggers_on() {
    let mut project = Project::new();
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    without_privileges(&mut project);
    project.ok(&["run"]);
    project.sales("sales_2.csv", &[sale("T1", "O1", "2024-02-01 10:00:00", "C2", "P2", "12")]);
    project.ok(&["run", "--allow-deletes"]);
    assert_eq!(project.pushed("select date_id, revenue from mart.fact_sales"), ["20240201,12.0000"]);
    assert_equal(&project);
}

#[test]
fn new_facts_without_their_dimension_are_refused() {
    for plain in [false, true] {
        let mut project = Project::new();
        if plain {
            without_privileges(&mut project);
        }
        without_checks(&project);
        let dimension = std::fs::read_to_string(project.path("sql/marts/dim_product.sql")).unwrap();
        project.write(
            "sql/marts/dim_product.sql",
            dimension.replace("select * from final", "select * from final where product_code is distinct from 'P2'"),
        );
        let refused = |state: &str| {
            let error = project.fails(&["run"]);
            let expected = match plain {
                false => "rows of mart.fact_sales would have (\"product_id\") = ",
                true => "violates foreign key constraint",
            };
            assert!(error.contains(expected), "{state}, {plain}: {error}");
            assert!(plain || error.contains("without a row in mart.dim_product; nothing was changed"), "{error}");
        };
        // All rows are new.
        project.sales("sales_1.csv", &[sale("T2", "O2", "2024-01-02 10:00:00", "C1", "P2", "10")]);
        refused("a first sync");
        assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["0"]);
        // A few are, in a month that is there and in one that is not.
        let records: Vec<String> =
            (10..40).map(|number| sale(&format!("T{number}"), "O1", "2024-01-01 10:00:00", "C1", "P1", "10")).collect();
        project.sales("sales_1.csv", &records);
        project.ok(&["run"]);
        for day in ["2024-01-02", "2024-05-02"] {
            project.sales("sales_2.csv", &[sale("T2", "O2", &format!("{day} 10:00:00"), "C1", "P2", "10")]);
            refused(day);
            assert_eq!(project.pushed("select count(*) as n from mart.fact_sales"), ["30"]);
        }
        // An old one comes to refer to it.
        project.sales("sales_2.csv", &[sale("T10", "O1", "2024-01-01 10:00:00", "C1", "P2", "10")]);
        refused("a changed row");
        project.write("sql/marts/dim_product.sql", &dimension);
        project.ok(&["run"]);
        assert_equal(&project);
    }
}

#[test]
fn a_dimension_stays_as_long_as_facts_refer_to_it() {
    for plain in [false, true] {
        let mut project = project();
        if plain {
            // What is there belongs to whoever made it.
            project = Project::new();
            without_privileges(&mut project);
            project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P3", "10")]);
            project.ok(&["run"]);
        }
        without_checks(&project);
        project.edit(
            "sql/marts/dim_product.sql",
            "select * from final",
            "select * from final where product_code is distinct from 'P3'",
        );
        let error = project.fails(&["run", "--allow-deletes"]);
        let expected = match plain {
            false => "without a row in mart.dim_product; nothing was changed",
            true => "violates foreign key constraint",
        };
        assert!(error.contains(expected), "{plain}: {error}");
        assert_eq!(project.pushed("select count(*) as n from mart.dim_product where product_code = 'P3'"), ["1"]);
    }
}

#[test]
fn foreign_keys_of_others_are_respected() {
    let project = project();
    project
        .warehouse()
        .batch_execute("create schema app; create table app.notes (product_id bigint references mart.dim_product); insert into app.notes select product_id from mart.dim_product where product_code = 'P3'")
        .unwrap();
    let records: Vec<String> = (10..40)
        .map(|number| sale(&format!("T{number}"), &format!("O{number}"), "2024-01-01 10:00:00", "C1", "P1", "10"))
        .collect();
    project.sales("sales_1.csv", &records);
    let error = project.fails(&["run", "--allow-deletes"]);
    assert!(error.contains("PostgreSQL refused a statement") && error.contains("notes"), "{error}");
    assert_eq!(project.pushed("select count(*) as n from mart.dim_product where product_code = 'P3'"), ["1"]);
}

#[test]
fn a_foreign_key_may_refer_to_a_column_that_is_no_key_of_the_mart_and_has_nulls() {
    let project = project();
    project.write(
        "sql/marts/agg_parent.sql",
        "-- key: id\nselect i::integer as id, case when i <> 3 then 'c' || i end as code from range(1, 10) as t(i)",
    );
    let child = "-- key: id\nselect i::integer as id, 'c1' as code from range(1, 10) as t(i)";
    project.write("sql/marts/agg_child.sql", child);
    project.write(
        "sql/postgres/migrations/V40__parent.sql",
        "create table mart.agg_parent (id integer primary key, code text unique, row_hash bigint not null);
         create table mart.agg_child (id integer primary key, code text references mart.agg_parent (code), row_hash bigint not null)",
    );
    project.ok(&["run", "--migrate"]);
    project.edit("sql/marts/agg_child.sql", "'c1' as", "case i when 5 then 'nope' else 'c1' end as");
    assert!(project.fails(&["run"]).contains("rows of mart.agg_child would have (\"code\") = nope without a row"));
    // A part of the key that is null refers to nothing.
    project.edit("sql/marts/agg_child.sql", "'nope'", "null");
    project.ok(&["run"]);
    project.edit("sql/marts/agg_parent.sql", "'c' || i", "'d' || i");
    assert!(project.fails(&["run"]).contains("rows of mart.agg_child would have (\"code\") = c1 without a row"));
    assert_eq!(project.pushed("select count(*) as n from mart.agg_parent where code like 'c%'"), ["8"]);
}

#[test]
fn foreign_keys_to_another_schema_are_left_to_their_triggers() {
    let project = project();
    project
        .warehouse()
        .batch_execute(
            "create schema ref;
             create table ref.category (category text primary key);
             insert into ref.category select distinct category from mart.dim_product;
             alter table mart.dim_product add foreign key (category) references ref.category",
        )
        .unwrap();
    project.sales("sales_2.csv", &[sale("T90", "O90", "2024-01-05 10:00:00", "C1", "P9", "10")]);
    project.ok(&["run"]);
    assert_equal(&project);
}
