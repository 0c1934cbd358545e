//! Projects with one source, `t`, whose contract a test declares.

use super::Project;

/// A text and an integer.
pub const PAIR: &str = "a = { type = \"varchar\" }\nb = { type = \"integer\" }";

/// A project with this contract for a source `t`, whose files are `data/raw/t*`. No file is refused for its rejects.
pub fn declared(keys: &str, columns: &str) -> Project {
    let project = Project::new();
    std::fs::remove_file(project.path("data/contracts/sales.toml")).unwrap();
    declare(&project, keys, columns);
    project
}

/// Writes the contract of the source `t`.
pub fn declare(project: &Project, keys: &str, columns: &str) {
    let contract = format!("files = \"data/raw/t*\"\nmax_rejects = \"100%\"\n{keys}\n[columns]\n{columns}\n");
    project.write("data/contracts/t.toml", contract);
}

/// A project in which one file of this contract is loaded.
pub fn loaded(keys: &str, columns: &str, content: impl AsRef<[u8]>) -> Project {
    let project = declared(keys, columns);
    project.write("data/raw/t.csv", content);
    project.ok(&["ingest"]);
    project
}

/// The message with which a file of this contract is refused whole.
pub fn refused(keys: &str, columns: &str, content: impl AsRef<[u8]>) -> String {
    let project = declared(keys, columns);
    project.write("data/raw/t.csv", content);
    let error = project.fails(&["ingest"]);
    assert_eq!(project.staged("select count(*) from raw.t"), ["0"], "{error}");
    error
}

/// The loaded rows in file order: line and columns.
pub fn rows(project: &Project) -> Vec<String> {
    project.staged("select _line, * exclude (_file, _line) from raw.t order by _file, _line")
}

/// The rejects in file order: line, column, code, value.
pub fn rejects(project: &Project) -> Vec<String> {
    project.staged("select line, column_name, code, value from rejects order by file, line, column_name")
}

/// A value as a field of CSV.
pub fn field(text: &str) -> String {
    match text.contains([',', '"']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
