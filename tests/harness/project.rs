//! A project in a temporary folder, and what its users do with it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::Client;
use tempfile::TempDir;

use super::Cluster;

/// The header of the shipped contract.
pub const SALES_HEADER: &str = "Transaction ID,Order ID,Sold At,Customer ID,Customer Name,Product ID,Product,Category,Region,City,Store,Quantity,Unit Price,Revenue,Cost";

/// A plain record of the shipped contract: one unit, at the price of its revenue, sold in Ulm.
pub fn sale(transaction: &str, order: &str, sold_at: &str, customer: &str, product: &str, revenue: &str) -> String {
    format!("{transaction},{order},{sold_at},{customer},,{product},,Toys,South,Ulm,Ulm 1,1,{revenue},{revenue},1")
}

/// How the program ended.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code; `None` if it was killed.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A project with a database of its own.
pub struct Project {
    folder: TempDir,
    url: Option<String>,
}

impl Project {
    /// A fresh project, as `salesmart init` makes it, pushing to a database of its own on the shared cluster.
    pub fn new() -> Self {
        Self::with_url(Some(Cluster::get().database()))
    }

    /// A fresh project with a private PostgreSQL.
    pub fn embedded() -> Self {
        Self::with_url(None)
    }

    /// A fresh project that pushes to the database of this URL, if there is one.
    pub fn with_url(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let project = Self { folder, url };
        let made = project.command(&["init", project.path("").to_str().unwrap()]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        project
    }

    /// Copies the shipped sample into `data/raw`.
    pub fn copy_sample(&self) {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample");
        for entry in std::fs::read_dir(sample).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, self.path("data/raw").join(path.file_name().unwrap())).unwrap();
        }
    }

    /// The project of the example `online_retail`: a fresh one with the example's two files laid over it.
    pub fn online_retail() -> Self {
        let project = Self::new();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/online_retail");
        for file in ["data/contracts/sales.toml", "sql/staging/stg_sales.sql"] {
            std::fs::copy(example.join(file), project.path(file)).unwrap();
        }
        project
    }

    /// A path in the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a file, folders included.
    pub fn write(&self, relative: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Writes a CSV of the shipped contract into `data/raw`.
    pub fn sales(&self, name: &str, records: &[String]) -> &Self {
        self.write(&format!("data/raw/{name}"), format!("{SALES_HEADER}\n{}\n", records.join("\n")))
    }

    /// Replaces a text in a file, which must be there.
    pub fn edit(&self, relative: &str, from: &str, to: &str) -> &Self {
        let text = std::fs::read_to_string(self.path(relative)).unwrap();
        assert!(text.contains(from), "{relative} does not hold {from}");
        self.write(relative, text.replace(from, to))
    }

    /// The program, ready to run in the project.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salesmart"));
        command.args(args).current_dir(self.folder.path());
        for name in [
            "SALESMART_PROJECT",
            "SALESMART_PROFILE",
            "SALESMART_THREADS",
            "SALESMART_LOG_FORMAT",
            "SALESMART_FAILPOINT",
            "RUST_LOG",
        ] {
            command.env_remove(name);
        }
        // A database of the tests' own cluster is made for one project, as the private server is.
        command.env("SALESMART_MIGRATE", "true");
        match &self.url {
            Some(url) => command.env("DATABASE_URL", url),
            None => command.env_remove("DATABASE_URL"),
        };
        command
    }

    /// Runs the program.
    pub fn run(&self, args: &[&str]) -> Outcome {
        Outcome::of(&mut self.command(args))
    }

    /// Runs the program, which must succeed.
    pub fn ok(&self, args: &[&str]) -> Outcome {
        let outcome = self.run(args);
        assert_eq!(outcome.code, Some(0), "salesmart {}\n{}\n{}", args.join(" "), outcome.stdout, outcome.stderr);
        outcome
    }

    /// Runs the program, which must end with a foreseen failure; returns its message.
    pub fn fails(&self, args: &[&str]) -> String {
        let outcome = self.run(args);
        assert_eq!(outcome.code, Some(1), "salesmart {}\n{}\n{}", args.join(" "), outcome.stdout, outcome.stderr);
        assert!(!outcome.stderr.contains("not foreseen"), "{}", outcome.stderr);
        outcome.stderr
    }

    /// Runs the program, which must be killed at the failpoint.
    pub fn killed_at(&self, failpoint: &str, args: &[&str]) {
        let outcome = Outcome::of(self.command(args).env("SALESMART_FAILPOINT", failpoint));
        assert_eq!(outcome.code, None, "not killed at {failpoint}: {}{}", outcome.stdout, outcome.stderr);
    }

    /// Rows of a query on the staging file, as lines of CSV without header.
    pub fn staged(&self, query: &str) -> Vec<String> {
        let outcome = self.ok(&["show", query, "--format", "csv", "--limit", "1000000"]);
        restored(&outcome.stdout).lines().skip(1).map(str::to_owned).collect()
    }

    /// The database's URL.
    pub fn url(&self) -> &str {
        self.url.as_deref().unwrap()
    }

    /// Sends the project to another database.
    pub fn set_url(&mut self, url: String) {
        self.url = Some(url);
    }

    /// A connection to the warehouse.
    pub fn warehouse(&self) -> Client {
        Cluster::connect(self.url())
    }

    /// Rows of a query on the warehouse, values as text with `,` between them.
    pub fn pushed(&self, query: &str) -> Vec<String> {
        let sql = format!(
            "select concat_ws(',', variadic array(select coalesce(value, '') from json_each_text(row_to_json(result)))) from ({query}) as result"
        );
        self.warehouse().query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// The content of every pushed table: rows with their hashes, in key order, as one text per table.
    pub fn warehouse_content(&self) -> Vec<(String, String)> {
        let mut client = self.warehouse();
        let tables = client
            .query("select relname::text from pg_class where relnamespace = 'mart'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1", &[])
            .unwrap();
        tables
            .iter()
            .map(|row| {
                let table: String = row.get(0);
                let sql =
                    format!("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from mart.{table} as t");
                let content = client.query_one(&sql, &[]).unwrap().get(0);
                (table, content)
            })
            .collect()
    }

    /// The transaction that wrote each row of a table: a row that is rewritten changes it.
    pub fn writers(&self, table: &str) -> Vec<String> {
        self.pushed(&format!("select xmin::text as x, row_hash from mart.{table} order by row_hash"))
    }
}

impl Outcome {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// CSV without the apostrophes against formulas.
fn restored(text: &str) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).records() {
        writer.write_record(record.unwrap().iter().map(salesmart_base::formula::restore)).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}
