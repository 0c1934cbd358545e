//! Parquet files: every value arrives exactly, or is rejected.

use crate::harness::Project;
use crate::harness::declared::{PAIR, declared, refused, rejects, rows};

/// A project in which the rows of this query are loaded from a Parquet file.
fn parquet(keys: &str, columns: &str, name: &str, query: &str) -> Project {
    let project = declared(&format!("format = \"parquet\"\n{keys}"), columns);
    write_parquet(&project, name, query);
    project.ok(&["ingest"]);
    project
}

fn write_parquet(project: &Project, name: &str, query: &str) {
    let path = project.path("data/raw").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let conn = duckdb::Connection::open_in_memory().unwrap();
    conn.execute_batch(&format!("copy ({query}) to '{}' (format parquet)", path.display())).unwrap();
}

#[test]
fn decimals_and_doubles_of_parquet_are_exact_or_refused() {
    let columns = "k = { type = \"varchar\" }\nm = { type = \"decimal(18,4)\" }";
    let project = parquet(
        "",
        columns,
        "t.parquet",
        "select * from (values ('double', 0.1::double), ('sum', 0.1::double + 0.2::double), ('nan', 'nan'), ('huge', 1e300), ('small', 1e-5), ('null', null), ('half', 123456789012.5)) as v (k, m)",
    );
    assert_eq!(rows(&project), ["1,double,0.1000", "6,null,", "7,half,123456789012.5000"]);
    assert_eq!(
        rejects(&project),
        ["2,m,not_exact,0.30000000000000004", "3,m,not_a_number,nan", "4,m,out_of_range,1e+300", "5,m,not_exact,1e-05"]
    );
    assert_eq!(
        project.staged("select raw from rejects where line = 5"),
        ["\"{\"\"k\"\":\"\"small\"\",\"\"m\"\":\"\"1e-05\"\"}\""]
    );
    let decimals = "select * from (values ('a', 1.5::decimal(38,10)), ('b', 1.00001), ('c', -7.1234)) as v (k, m)";
    let project = parquet("", columns, "t.parquet", decimals);
    assert_eq!(rows(&project), ["1,a,1.5000", "3,c,-7.1234"]);
    assert_eq!(rejects(&project), ["2,m,not_exact,1.0000100000"]);
    // A float is what it is shortest written as; the contract's spelling of numbers means its texts only.
    let project =
        parquet("decimal = \",\"\nthousands = \".\"", columns, "t.parquet", "select 'a' as k, 1.234::float as m");
    assert_eq!(rows(&project), ["1,a,1.2340"]);
    let project =
        parquet("decimal = \",\"\nthousands = \".\"", columns, "t.parquet", "select 'a' as k, '1.234,5' as m");
    assert_eq!(rows(&project), ["1,a,1234.5000"]);
}

#[test]
fn moments_of_parquet_are_exact_or_refused() {
    let columns = "k = { type = \"varchar\" }\nt = { type = \"timestamp\" }";
    let project = parquet(
        "",
        columns,
        "t.parquet",
        "select * from (values ('lossy', timestamp_ns '2024-01-01 10:00:00.123456789'), ('exact', timestamp_ns '2024-01-01 10:00:00.123456000')) as v (k, t)",
    );
    assert_eq!(rows(&project), ["2,exact,2024-01-01 10:00:00.123456"]);
    assert_eq!(rejects(&project), ["1,t,not_exact,2024-01-01 10:00:00.123456789"]);
    let project = parquet("", columns, "t.parquet", "select 'day' as k, date '2024-01-01' as t");
    assert_eq!(rows(&project), ["1,day,2024-01-01 00:00:00"]);
}

#[test]
fn days_of_parquet_may_be_stored_as_moments() {
    let project = parquet(
        "",
        "d = { type = \"date\" }",
        "t.parquet",
        "select * from (values (timestamp '2024-01-01 00:00:00'), (timestamp '2024-01-01 10:00:00')) as v (d)",
    );
    assert_eq!(rows(&project), ["1,2024-01-01"]);
    assert_eq!(rejects(&project), ["2,d,not_exact,2024-01-01 10:00:00"]);
}

#[test]
fn a_parquet_file_is_read_alone_and_as_it_is() {
    // A folder is no column, whatever its name says; wildcards in names fit no other file.
    let project = declared("format = \"parquet\"", PAIR);
    project.edit("data/contracts/t.toml", "data/raw/t*", "data/raw/**/t*");
    write_parquet(&project, "b=2024/t1.parquet", "select 'folder' as a, 1 as b");
    write_parquet(&project, "year=2024/t1.parquet", "select 'year' as a, 1 as b");
    write_parquet(&project, "t*.parquet", "select 'star' as a, 1 as b");
    write_parquet(&project, "t2.parquet", "select 'two' as a, 1 as b");
    write_parquet(&project, "[x]/t[2].parquet", "select 'brackets' as a, 1 as b");
    write_parquet(&project, "[x]/t?.parquet", "select 'question' as a, 1 as b");
    project.ok(&["ingest"]);
    assert_eq!(
        project.staged("select a, b from raw.t order by 1"),
        ["brackets,1", "folder,1", "question,1", "star,1", "two,1", "year,1"]
    );
}

#[test]
fn nul_in_a_text_of_parquet_is_refused() {
    let project = parquet("", PAIR, "t.parquet", "select 'x' || chr(0) || 'y' as a, 1 as b union all select 'z', 2");
    assert_eq!(rows(&project), ["2,z,2"]);
    assert_eq!(rejects(&project), ["1,a,nul_byte,x\\x00y"]);
}

#[test]
fn parquet_that_does_not_fit_the_contract_is_refused() {
    let project = parquet(
        "unique = [\"b\"]",
        PAIR,
        "t.parquet",
        "select 'x' || range as a, cast(range // 2 as integer) as b from range(3)",
    );
    assert_eq!(rows(&project), ["1,x0,0", "3,x2,1"]);
    assert_eq!(rejects(&project), ["2,b,duplicate,"]);

    for (query, expected) in [
        ("select [1] as a, 1 as b", "column \"a\" holds INTEGER[], which no contract type does"),
        ("select 1 as b, 'x' as a", "moved     \"b\" (column 1) stands before \"a\""),
        ("select 'x' as a", "missing   \"b\""),
        ("select 'x' as a, 1 as b where false", "the file has no records"),
    ] {
        let project = declared("format = \"parquet\"", PAIR);
        write_parquet(&project, "t.parquet", query);
        let error = project.fails(&["ingest"]);
        assert!(error.contains(expected), "{error}");
    }
    let error = refused("format = \"parquet\"", PAIR, "a,b\nx,1\n");
    assert!(error.contains("t.csv: it cannot be read as Parquet: "), "{error}");

    let damaged = declared("format = \"parquet\"", PAIR);
    write_parquet(&damaged, "t.parquet", "select hash(range)::varchar as a, range::integer as b from range(100000)");
    let mut bytes = std::fs::read(damaged.path("data/raw/t.parquet")).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle..middle + 500].iter_mut().for_each(|byte| *byte ^= 0x5A);
    damaged.write("data/raw/t.parquet", bytes);
    assert!(damaged.fails(&["ingest"]).contains("t.parquet: it cannot be read as Parquet: "));
    assert_eq!(damaged.staged("select count(*) from raw.t"), ["0"]);
}
