//! The rows of marts and warehouse in one form, to be compared.

use std::collections::BTreeMap;

use super::Project;

/// Row (all values as text, with `|` between them) to the transaction that wrote it.
pub type Rows = BTreeMap<String, String>;

impl Project {
    /// Asserts that PostgreSQL holds the marts, row by row and value by value, and returns its rows by table.
    #[track_caller]
    pub fn warehouse_equals_marts(&self, when: &str) -> BTreeMap<String, Rows> {
        let mut client = self.warehouse();
        let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).unwrap();
        let conn = duckdb::Connection::open_with_flags(self.path("data/staging.duckdb"), config).unwrap();
        let columns = client
            .query(
                "select table_name::text, array_agg(column_name::text order by ordinal_position)
                 from information_schema.columns join pg_class on relname = table_name
                 where table_schema = 'mart' and relnamespace = 'mart'::regnamespace and not relispartition
                   and column_name <> 'row_hash' group by 1 order by 1",
                &[],
            )
            .unwrap();
        let mut tables = BTreeMap::new();
        for row in columns {
            let (table, columns): (String, Vec<String>) = (row.get(0), row.get(1));
            let text = |kind: &str| -> String {
                let values: Vec<String> =
                    columns.iter().map(|column| format!("coalesce(\"{column}\"::{kind}, '~')")).collect();
                values.join(" || '|' || ")
            };
            let held: Rows = client
                .query(&format!("select {}, xmin::text from mart.\"{table}\"", text("text")), &[])
                .unwrap()
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect();
            let mut statement =
                conn.prepare(&format!("select {} from main.\"{table}\" order by 1", text("varchar"))).unwrap();
            let mut ours: Vec<String> =
                statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            ours.sort();
            let theirs: Vec<String> = held.keys().cloned().collect();
            assert_eq!(theirs, ours, "{table} {when}");
            tables.insert(table, held);
        }
        tables
    }

    /// Numbers of the ledger: consecutive from 1, whatever happened. Returns the last one.
    #[track_caller]
    pub fn ledger_without_gap(&self) -> i64 {
        let row = self
            .warehouse()
            .query_one("select count(*), coalesce(max(run_number), 0), count(distinct run_id) from etl.sync_run", &[])
            .unwrap();
        let (count, last, runs): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        assert_eq!((count, runs), (last, last), "the ledger has a gap or a run twice");
        last
    }
}

/// Asserts that rows which are the same before and after were not written again.
#[track_caller]
pub fn not_rewritten(before: &BTreeMap<String, Rows>, after: &BTreeMap<String, Rows>, when: &str) {
    for (table, rows) in after {
        for (row, writer) in rows {
            if let Some(was) = before.get(table).and_then(|rows| rows.get(row)) {
                assert_eq!(was, writer, "{table} {when}: {row} was written again");
            }
        }
    }
}
