//! Contracts that cannot be right are refused with file, line and next step.

use crate::harness::Project;

fn refused(contract: &str) -> String {
    let project = Project::new();
    project.write("data/contracts/sales.toml", contract);
    let error = project.fails(&["ingest"]);
    assert!(error.contains("data/contracts/sales.toml"), "{error}");
    error
}

#[test]
fn wrong_contracts_are_explained() {
    let files = "files = \"data/raw/*.csv\"\n";
    let column = |column: &str| format!("{files}[columns]\n{column}\n");
    let cases = [
        (
            "file = \"x\"\n[columns]\na = { type = \"varchar\" }\n".to_owned(),
            ":1: unknown field `file`",
            "did you mean `files`?",
        ),
        (
            column("a = { type = \"varchar\", requird = true }"),
            ":3: column `a`: unknown field `requird`",
            "did you mean `required`?",
        ),
        (column("a = { type = \"float\" }"), "type \"float\" is not known", "use decimal"),
        (column("a = { type = \"decimal(40,2)\" }"), "is not known", "p up to 38"),
        (column("A = { type = \"varchar\" }"), "column `A`", "use lower-case letters"),
        (column("a = { type = \"date\", formats = [\"%Y-%m\"] }"), "does not name one date", "day, month and year"),
        (
            column("a = { type = \"varchar\", min = \"1\" }"),
            "min goes with numbers, dates and timestamps only",
            "column `a`",
        ),
        (column("a = { type = \"integer\", null_as = \"0.5\" }"), "null_as = \"0.5\" does not fit", "column `a`"),
        (
            column("a = { type = \"integer\" }\nb = { header = \"a\", type = \"integer\" }"),
            "have the same header \"a\"",
            "`a` and `b`",
        ),
        (
            format!("{files}max_rejects = \"some\"\n[columns]\na = {{ type = \"varchar\" }}\n"),
            "max_rejects is a count such as 100",
            ":2:",
        ),
        (
            format!("{files}encoding = \"utf-61\"\n[columns]\na = {{ type = \"varchar\" }}\n"),
            "encoding \"utf-61\" is not known",
            "cp850",
        ),
        (
            format!("{files}delimiter = \"||\"\n[columns]\na = {{ type = \"varchar\" }}\n"),
            "delimiter must be one ASCII character",
            "||",
        ),
        (format!("{files}[columns]\n"), "[columns] is empty", "declare every column"),
        (files.to_owned(), "missing field `columns`", ""),
    ];
    for (contract, first, second) in cases {
        let error = refused(&contract);
        assert!(error.contains(first) && error.contains(second), "{contract}\n{error}");
    }
}

#[test]
fn a_project_without_contracts_says_so() {
    let project = Project::new();
    std::fs::remove_file(project.path("data/contracts/sales.toml")).unwrap();
    assert!(project.fails(&["run"]).contains("there is no contract in"));
}
