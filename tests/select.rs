//! Choosing models on the command line.

use crate::harness::{Outcome, Project};

/// Names of the models that the words choose, in build order.
fn ls(project: &Project, words: &[&str]) -> Vec<String> {
    let args = [&["ls", "--format", "csv"], words].concat();
    project.ok(&args).stdout.lines().skip(1).map(|line| line.split(',').next().unwrap_or_default().to_owned()).collect()
}

fn git(project: &Project, args: &[&str]) {
    let identity = ["-c", "user.name=me", "-c", "user.email=me@example.org"];
    let mut command = std::process::Command::new("git");
    let status = command.current_dir(project.path("")).args(identity).args(args).output().unwrap();
    assert!(status.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&status.stderr));
}

#[test]
fn names_and_what_they_read_and_what_reads_them() {
    let project = Project::shop();
    let all = ["stg_orders", "stg_lines", "dim_item", "fact_lines", "agg_days"];
    assert_eq!(ls(&project, &[]), all);
    let cases: [(&[&str], &[&str]); 19] = [
        (&["fact_lines"], &["fact_lines"]),
        (&["+fact_lines"], &["stg_orders", "stg_lines", "fact_lines"]),
        (&["1+fact_lines"], &["stg_lines", "fact_lines"]),
        (&["2+agg_days"], &["stg_lines", "fact_lines", "agg_days"]),
        (&["fact_lines+"], &["fact_lines", "agg_days"]),
        (&["stg_orders+1"], &["stg_orders", "stg_lines"]),
        (&["1+fact_lines+1"], &["stg_lines", "fact_lines", "agg_days"]),
        (&["0+fact_lines"], &["fact_lines"]),
        (&["stg_*"], &["stg_orders", "stg_lines"]),
        (&["*_lines+1"], &["stg_lines", "dim_item", "fact_lines", "agg_days"]),
        (&["dim_item", "agg_days"], &["dim_item", "agg_days"]),
        (&["dim_item,agg_days"], &["dim_item", "agg_days"]),
        (&["path:sql/staging"], &["stg_orders", "stg_lines"]),
        (&["path:./sql/marts/"], &["dim_item", "fact_lines", "agg_days"]),
        (&["path:sql/*/*_lines.sql"], &["stg_lines", "fact_lines"]),
        (&["sql/marts/dim_item.sql"], &["dim_item"]),
        (&["tag:daily"], &["stg_lines", "fact_lines"]),
        (&["tag:money+", "--exclude", "tag:daily"], &["dim_item", "agg_days"]),
        (&["--exclude", "+fact_lines"], &["dim_item", "agg_days"]),
    ];
    for (words, expected) in cases {
        assert_eq!(ls(&project, words), expected, "{words:?}");
    }
}

#[test]
fn choosing_nothing_is_an_error_that_helps() {
    let project = Project::shop();
    let cases: [(&[&str], &str); 11] = [
        (&["fact_line"], "fact_line selects nothing: no model has this name; did you mean fact_lines?"),
        (&["dim_item", "+fact_line"], "+fact_line selects nothing: no model has this name; did you mean fact_lines?"),
        (&["qqq"], "`salesmart ls` lists the models"),
        (&["path:sql/mart"], "no model lies there; did you mean sql/marts?"),
        (&["tag:dayly"], "no model has this tag; did you mean daily?"),
        (&["pth:sql"], "`pth:` is no way to select; there are `path:`, `tag:` and `state:`; did you mean `path:`?"),
        (&["state:new"], "the only state is `state:modified`"),
        (&["+"], "`+` names no model"),
        (&["fact[lines"], "fact[lines is not a pattern"),
        (&["--exclude", "fact_line"], "--exclude fact_line selects nothing"),
        (&["fact_lines", "--exclude", "fact_*"], "nothing is selected: --exclude fact_* takes away every model"),
    ];
    for (words, expected) in cases {
        let error = project.fails(&[&["ls"], words].concat());
        assert!(error.contains(expected), "{words:?}\n{error}");
    }
}

#[test]
fn git_says_what_is_modified() {
    let project = Project::shop();
    let error = project.fails(&["ls", "state:modified"]);
    assert!(error.contains("asks git, which says: fatal: not a git repository"), "{error}");
    let without = Outcome::of(project.command(&["ls", "state:modified"]).env("PATH", "/nonexistent"));
    assert!(without.stderr.contains("there is no program `git` on the PATH"), "{}", without.stderr);
    git(&project, &["init", "-q"]);
    let error = project.fails(&["ls", "state:modified"]);
    assert!(error.contains("git knows no commit HEAD"), "{error}");
    git(&project, &["add", "."]);
    git(&project, &["commit", "-qm", "start"]);
    git(&project, &["tag", "start"]);
    let error = project.fails(&["ls", "state:modified"]);
    assert!(error.contains("state:modified selects nothing: no model differs from HEAD"), "{error}");
    // Beside another word it is no mistake.
    assert_eq!(ls(&project, &["state:modified", "dim_item"]), ["dim_item"]);

    project.edit("sql/marts/fact_lines.sql", "revenue", "money");
    project.edit("sql/marts/agg_days.sql", "revenue", "money");
    project.write("sql/marts/dim_new.sql", "-- key: a\nselect 1 as a");
    assert_eq!(ls(&project, &["state:modified"]), ["dim_new", "fact_lines", "agg_days"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "-qm", "more"]);
    project.edit("sql/marts/fact_lines.sql", "money", "gold");
    assert_eq!(ls(&project, &["state:modified"]), ["fact_lines"]);
    assert_eq!(ls(&project, &["state:modified+"]), ["fact_lines", "agg_days"]);
    assert_eq!(ls(&project, &["state:modified:start"]), ["dim_new", "fact_lines", "agg_days"]);
    assert_eq!(ls(&project, &["state:modified:HEAD~1", "--exclude", "state:modified"]), ["dim_new", "agg_days"]);
    let error = project.fails(&["ls", "state:modified:v9"]);
    assert!(error.contains("git knows no commit v9"), "{error}");
}

#[test]
fn a_project_in_a_folder_of_a_repository_sees_its_own_files() {
    let project = Project::shop();
    let outer = tempfile::tempdir().unwrap();
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").arg(project.path(".")).arg(outer.path().join("shop"));
    assert!(copy.status().unwrap().success());
    for args in
        [&["init", "-q"][..], &["add", "."], &["-c", "user.name=me", "-c", "user.email=me@x", "commit", "-qm", "x"]]
    {
        assert!(std::process::Command::new("git").current_dir(outer.path()).args(args).status().unwrap().success());
    }
    let shop = outer.path().join("shop");
    std::fs::write(shop.join("sql/marts/dim_item.sql"), "-- key: item\nselect item from stg_lines group by item")
        .unwrap();
    let outcome = Outcome::of(project.command(&["ls", "state:modified", "--format", "csv"]).current_dir(&shop));
    assert!(outcome.stdout.lines().nth(1).unwrap().starts_with("dim_item,"), "{}{}", outcome.stdout, outcome.stderr);
}

#[test]
fn build_takes_the_same_words() {
    let project = Project::shop();
    project.orders().ok(&["ingest"]);
    let report = project.ok(&["build"]).stdout;
    assert!(report.contains("agg_days"), "{report}");
    let built = |args: &[&str]| -> Vec<String> {
        let report = project.ok(&[&["build", "--full-refresh"], args].concat()).stdout;
        let names = report.lines().filter_map(|line| line.strip_prefix("build")).map(str::trim_start);
        names.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(built(&["fact_lines+", "--exclude", "agg_*"]), ["fact_lines"]);
    assert_eq!(built(&["tag:daily"]), ["stg_lines", "fact_lines"]);
    assert!(project.fails(&["build", "fact_line"]).contains("did you mean fact_lines?"));
}
