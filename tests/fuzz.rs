//! Files of a project, mutated at random: whatever stands in them, nothing panics, and no statement runs that is not the model's own select.
//!
//! The seed is fixed. `FUZZ_ROUNDS=100000` tries more.

use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use salesmart_base::config::{Config, MoneyScale, Overrides};
use salesmart_dashboard::page::Shelf;
use salesmart_ingest::contract::contract_file;
use salesmart_model::Models;
use salesmart_server::Access;
use salesmart_transform::{blank, parse};

use crate::harness::{Project, sale};

/// What attacks and accidents are made of.
const TOKENS: [&str; 58] = [
    ";",
    "--",
    "/*",
    "*/",
    "'",
    "\"",
    "$$",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "::",
    "=",
    "=>",
    "->",
    "?",
    "$1",
    "#1",
    "*",
    "\\",
    "\n",
    "\r",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "é",
    "-- by:",
    "-- key:",
    "-- lookup:",
    "-- materialized: incremental",
    " as ",
    " from ",
    "select ",
    "union all ",
    "copy (select 1) to 'OUT'",
    "attach 'OUT' as o",
    "read_text('salesmart.toml')",
    "set enable_external_access = true",
    "pragma ",
    "install x",
    "order_id",
    "date_id // 100",
    "1",
    "null",
    "e'\\x41'",
    "x'41'",
    "interval 1 day",
    "case when 1 then 2 end",
    "over ()",
    "[[view]]\n",
    "[roles.x]\n",
    "regions = ",
    "files = \"/etc/*\"\n",
    "\"\"\"",
    "1e999",
];

struct Mutator(ChaCha8Rng);

impl Mutator {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit.max(1) as u64) as usize
    }

    fn token(&mut self) -> &'static str {
        TOKENS[self.below(TOKENS.len())]
    }

    /// The text with up to four changes, most of them near its start, where headers stand.
    fn mutate(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(4) {
            let reach = if self.below(3) == 0 { bytes.len() } else { bytes.len().min(300) };
            let place = self.below(reach + 1).min(bytes.len());
            match self.below(5) {
                0 if !bytes.is_empty() => {
                    let place = place.min(bytes.len() - 1);
                    bytes[place] = self.below(256) as u8;
                }
                1 => {
                    let end = (place + self.below(20)).min(bytes.len());
                    bytes.drain(place..end);
                }
                2 => {
                    let end = (place + self.below(60)).min(bytes.len());
                    let copied = bytes[place..end].to_vec();
                    bytes.splice(place..place, copied);
                }
                _ => drop(bytes.splice(place..place, self.token().bytes())),
            }
        }
        bytes
    }
}

fn sources(project: &Project, folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found: Vec<_> = std::fs::read_dir(project.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    found.sort();
    found
}

fn rounds(default: usize) -> usize {
    std::env::var("FUZZ_ROUNDS").map_or(default, |rounds| rounds.parse().unwrap())
}

#[test]
fn no_file_of_a_project_makes_the_program_panic() {
    let project = Project::with_url(None);
    let config = Config::load(&Overrides { project: Some(project.path("")), ..Overrides::default() }).unwrap();
    let alone = Config { root: project.path("alone"), ..config };
    project.write("alone/sql/marts/fuzz.sql", "").write("alone/sql/checks/fuzz.sql", "");
    let contracts = sources(&project, "data/contracts", ".toml");
    let parsed = contracts.iter().map(|(path, text)| {
        let contract = contract_file::parse(path, text, MoneyScale::default()).unwrap();
        (contract.source.clone(), contract)
    });
    let conn = blank::open(&parsed.collect(), MoneyScale::default()).unwrap();
    let relations = || -> String {
        let sql = "select string_agg(name, ' ' order by name) from (
                       select schema_name || '.' || table_name as name from duckdb_tables()
                       union all select function_name from duckdb_functions() where not internal
                       union all select database_name from duckdb_databases()
                       union all select name || value from duckdb_settings() where name like '%external%')";
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = relations();
    let models: Vec<_> = ["sql/staging", "sql/intermediate", "sql/marts", "sql/checks"]
        .map(|folder| sources(&project, folder, ".sql"))
        .concat();
    let users = "[roles.all]\nregions = \"all\"\n[roles.north]\nregions = [\"North\"]\n[tokens.bi]\nsha256 = \"\
                 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\nrole = \"north\"\n";
    let views = "[[view]]\nname = \"North\"\npage = \"regions\"\nquery = \"?region=North&dates=last_30_days\"\nroles = [\"north\"]\n";
    let (mut mutator, shelf) = (Mutator(ChaCha8Rng::seed_from_u64(17)), Shelf::default());
    let mut accepted = 0;
    for round in 0..rounds(4_000) {
        let (path, text) = &models[mutator.below(models.len())];
        let mutated = mutator.mutate(text);
        let folder = if path.to_string_lossy().contains("checks") { "checks" } else { "marts" };
        std::fs::write(alone.root.join(format!("sql/{folder}/fuzz.sql")), &mutated).unwrap();
        let _ = Models::load(&alone);
        if let Ok(text) = std::str::from_utf8(&mutated)
            && parse::parse(&conn, path, text).is_ok()
        {
            accepted += 1;
        }
        let (path, text) = &contracts[mutator.below(contracts.len())];
        if let Ok(text) = String::from_utf8(mutator.mutate(text)) {
            let _ = contract_file::parse(path, &text, MoneyScale::default());
        }
        if round % 4 == 0 {
            std::fs::write(project.path("users.toml"), mutator.mutate(users)).unwrap();
            if let Ok(access) = Access::users(project.path("users.toml"), Vec::new()) {
                assert!(
                    access.keeps_regions_apart() || restriction_is_gone(&project.path("users.toml")),
                    "round {round}"
                );
            }
            std::fs::write(project.path("views.toml"), mutator.mutate(views)).unwrap();
            let _ = shelf.views(Some(&project.path("views.toml")));
        }
    }
    assert_eq!(relations(), before, "a statement ran");
    assert!(!project.path("OUT").exists() && !Path::new("OUT").exists(), "a statement wrote a file");
    assert!(accepted > 100, "only {accepted} of the mutated files were right: the mutations try too little");
}

/// No role of the file names a region: the words of the restriction themselves were changed to `"all"`, or the role is gone.
fn restriction_is_gone(users: &Path) -> bool {
    let text: toml::Table = std::fs::read_to_string(users).unwrap().parse().unwrap();
    text["roles"].as_table().unwrap().values().all(|role| role["regions"].as_str() == Some("all"))
}

#[test]
fn no_header_runs_a_statement_of_its_own() {
    let project = Project::with_url(None);
    project.sales("sales_1.csv", &[sale("T1", "O1", "2024-01-01 10:00:00", "C1", "P1", "10")]);
    project.ok(&["ingest"]);
    project.ok(&["build"]);
    let fingerprint = || {
        project.staged(
            "select count(*) from ingest.files union all select count(*) from main.rejects
             union all select count(*) from duckdb_functions() where not internal
             union all select count(*) from duckdb_databases() union all select count(*) from duckdb_schemas()",
        )
    };
    let before = fingerprint();
    let mut mutator = Mutator(ChaCha8Rng::seed_from_u64(4));
    let mut built = 0;
    for round in 0..rounds(60) {
        let by: String =
            (0..1 + mutator.below(5)).map(|_| mutator.token()).collect::<Vec<_>>().join(" ").replace(['\n', '\r'], " ");
        for name in ["order_id", "order_id, date_id // 100"] {
            project.write(
                "sql/staging/stg_fuzz.sql",
                format!("-- materialized: incremental\n-- key: order_id\n-- by: {name}, {by} as x{round}\nselect order_id, 1 as x{round}, 20240101 as date_id from stg_sales\n"),
            );
            project.write(
                "sql/checks/fuzz.sql",
                format!("-- by: {name}, {by} as y\nselect order_id from fact_sales where false\n"),
            );
            let outcome = project.run(&["build"]);
            assert!(outcome.code.is_some() && !outcome.stderr.contains("panicked"), "{by}: {}", outcome.stderr);
            built += usize::from(outcome.code == Some(0));
            assert!(!project.path("OUT").exists(), "{by} wrote a file");
        }
    }
    for place in ["sql/staging/stg_fuzz.sql", "sql/checks/fuzz.sql"] {
        std::fs::remove_file(project.path(place)).unwrap();
    }
    project.ok(&["build"]);
    assert_eq!(fingerprint(), before, "a statement ran ({built} builds)");
}
