//! Values: time zones, fractions of a second, exponents, grouping and currency signs.

use crate::harness::declared::{declared, loaded, rejects, rows};
use crate::harness::{Outcome, Project};

/// All that the program has said.
fn said_by(outcome: &Outcome) -> String {
    format!("{}{}", outcome.stdout, outcome.stderr)
}

#[test]
fn field_b1_offsets_are_read_and_the_wall_clock_counts_unless_a_zone_is_declared() {
    let text = "t\n2024-01-15 10:23:45 -0500\n2024-01-15T10:23:45Z\n2024-01-15 10:23:45-05\n2024-01-15 10:23:45.5+05:30\n\
                2024-01-15 10:23:45 UTC\n2024-01-15 10:23:45 -5\n2024-01-15 10:23:45 -05:61\n2024-01-15 10:23:45\n";
    let formats = "formats = [\"%Y-%m-%d %H:%M:%S%.f%z\", \"%Y-%m-%dT%H:%M:%S%z\"]";
    let project = loaded("", &format!("t = {{ type = \"timestamp\", {formats} }}"), text);
    assert_eq!(
        rows(&project),
        [
            "2,2024-01-15 10:23:45",
            "3,2024-01-15 10:23:45",
            "4,2024-01-15 10:23:45",
            "5,2024-01-15 10:23:45.500",
            "6,2024-01-15 10:23:45",
        ]
    );
    assert_eq!(
        rejects(&project),
        [
            "7,t,bad_date,2024-01-15 10:23:45 -5",
            "8,t,bad_date,2024-01-15 10:23:45 -05:61",
            "9,t,bad_date,2024-01-15 10:23:45"
        ]
    );
    let project =
        loaded("", &format!("t = {{ type = \"timestamp\", {formats}, time_zone = \"America/Chicago\" }}"), text);
    assert_eq!(
        rows(&project),
        [
            "2,2024-01-15 09:23:45",
            "3,2024-01-15 04:23:45",
            "4,2024-01-15 09:23:45",
            "5,2024-01-14 22:53:45.500",
            "6,2024-01-15 04:23:45",
        ]
    );
}

#[test]
fn field_b1_summer_time_begins_and_ends_in_the_declared_zone() {
    let project = loaded(
        "",
        "t = { type = \"timestamp\", time_zone = \"America/Chicago\" }",
        "t\n2024-03-10 07:59:59Z\n2024-03-10T08:00:00+00:00\n2024-11-03T06:30:00Z\n2024-11-03T07:30:00Z\n2024-11-03T01:30:00-05:00\n",
    );
    // From 02:00 to 03:00 there is nothing; the hour from 01:00 is there twice.
    assert_eq!(
        rows(&project),
        [
            "2,2024-03-10 01:59:59",
            "3,2024-03-10 03:00:00",
            "4,2024-11-03 01:30:00",
            "5,2024-11-03 01:30:00",
            "6,2024-11-03 01:30:00",
        ]
    );
    // A text without an offset is the wall clock of that zone already, in a missing hour, too.
    let project = loaded(
        "",
        "t = { type = \"timestamp\", formats = [\"%Y-%m-%d %H:%M:%S%z\", \"%Y-%m-%d %H:%M:%S\"], time_zone = \"Europe/Berlin\" }",
        "t\n2024-03-31 02:30:00\n2024-03-31 01:30:00Z\n2024-10-27 00:30:00Z\n2024-10-27 01:30:00Z\n",
    );
    assert_eq!(
        rows(&project),
        ["2,2024-03-31 02:30:00", "3,2024-03-31 03:30:00", "4,2024-10-27 02:30:00", "5,2024-10-27 02:30:00"]
    );
}

#[test]
fn field_b1_a_day_is_that_of_the_declared_zone_and_must_not_lose_its_time() {
    let project = loaded(
        "",
        "d = { type = \"date\", formats = [\"%Y-%m-%dT%H:%M:%S%z\"], time_zone = \"America/Chicago\" }",
        "d\n2024-01-15T06:00:00Z\n2024-01-15T05:00:00Z\n",
    );
    assert_eq!(rows(&project), ["2,2024-01-15"]);
    assert_eq!(rejects(&project), ["3,d,not_exact,2024-01-15T05:00:00Z"]);
}

#[test]
fn field_b1_a_zone_that_cannot_work_is_refused_with_a_next_step() {
    let error = |column: &str| declared("", &format!("t = {{ {column} }}")).fails(&["ingest"]);
    let unknown = error("type = \"timestamp\", time_zone = \"America/Chicgo\"");
    assert!(
        unknown.contains("time_zone = \"America/Chicgo\"") && unknown.contains("did you mean `America/Chicago`?"),
        "{unknown}"
    );
    let useless = error("type = \"timestamp\", formats = [\"%Y-%m-%dT%H:%M:%SZ\"], time_zone = \"UTC\"");
    assert!(useless.contains("no format has an offset") && useless.contains("%z"), "{useless}");
    assert!(error("type = \"varchar\", time_zone = \"UTC\"").contains("time_zone goes with date and timestamp only"));
    let named = error("type = \"timestamp\", formats = [\"%Y-%m-%d %H:%M:%S %Z\"]");
    assert!(named.contains("%z"), "{named}");
    // A drafted contract doubts them.
    let project = Project::new();
    project.write("shops.csv", "t,n\n2024-01-15T10:23:45-05:00,1.5E+3\n2024-01-15T10:23:45Z,2\n");
    let draft = project.ok(&["sniff", "shops.csv"]).stdout;
    assert!(draft.contains("ends with an offset from UTC") && draft.contains("exponent = true"), "{draft}");
    // A text with an offset under a format without one says what is missing.
    let project = loaded("", "t = { type = \"timestamp\" }", "t\n2024-01-15T10:23:45Z\n");
    let reason = project.staged("select reason from rejects").join("");
    assert!(reason.contains("%z") && reason.contains("time_zone"), "{reason}");
}

#[test]
fn field_b2_a_fraction_of_a_second_may_stand_anywhere_in_a_format() {
    for (format, text, expected) in [
        ("%Y-%m-%dT%H:%M:%S%.fZ", "2024-07-15T10:23:45.123Z", "2024-07-15 10:23:45.123"),
        ("%Y-%m-%dT%H:%M:%S%.fZ", "2024-07-15T10:23:45Z", "2024-07-15 10:23:45"),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-07-15 10:23:45.1", "2024-07-15 10:23:45.100"),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-07-15 10:23:45.000001", "2024-07-15 10:23:45.000001"),
        ("%Y-%m-%d %H:%M:%S,%f", "2024-07-15 10:23:45,123456000", "2024-07-15 10:23:45.123456"),
        ("%Y-%m-%d %H:%M:%S:%f", "2024-07-15 10:23:45:007", "2024-07-15 10:23:45.007"),
        ("%H:%M:%S%.f %d.%m.%Y", "10:23:45.5 15.07.2024", "2024-07-15 10:23:45.500"),
        ("%d/%m/%Y %I:%M:%S%.f %p", "15/07/2024 10:23:45.50 PM", "2024-07-15 22:23:45.500"),
        ("%Y-%m-%d %H:%M:%S%.3f", "2024-07-15 10:23:45.120", "2024-07-15 10:23:45.120"),
        ("%Y%m%d%H%M%S%f", "20240715102345123", "2024-07-15 10:23:45.123"),
    ] {
        let project = loaded(
            "delimiter = \";\"",
            &format!("t = {{ type = \"timestamp\", formats = [\"{format}\"] }}"),
            format!("t\n{text}\n"),
        );
        assert_eq!(rows(&project), [format!("2,{expected}")], "{format} {text}");
    }
    for (format, text, code) in [
        ("%Y-%m-%dT%H:%M:%S%.fZ", "2024-07-15T10:23:45.1234567Z", "not_exact"),
        ("%Y-%m-%d %H:%M:%S,%f", "2024-07-15 10:23:45,0000001", "not_exact"),
        ("%Y-%m-%d %H:%M:%S,%f", "2024-07-15 10:23:45,0000000000000001", "not_exact"),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-07-15 10:23:45", "bad_date"),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-07-15 10:23:45.", "bad_date"),
        ("%Y-%m-%dT%H:%M:%S%.fZ", "2024-07-15T10:23:45.Z", "bad_date"),
        ("%Y-%m-%d %H:%M:%S%.3f", "2024-07-15 10:23:45.12", "bad_date"),
    ] {
        let keys = "delimiter = \";\"";
        let project =
            loaded(keys, &format!("t = {{ type = \"timestamp\", formats = [\"{format}\"] }}"), format!("t\n{text}\n"));
        assert_eq!(project.staged("select code from rejects"), [code], "{format} {text}");
    }
    // Two formats that read a day differently are rivals, however they write the fraction.
    let formats = "formats = [\"%d/%m/%Y %H:%M:%S%.f\", \"%m/%d/%Y %H:%M:%S.%f\"]";
    let project = loaded("", &format!("t = {{ type = \"timestamp\", {formats} }}"), "t\n02/03/2024 10:00:00.5\n");
    assert_eq!(rejects(&project), ["2,t,ambiguous_date,02/03/2024 10:00:00.5"]);
}

#[test]
fn field_b5_declared_groups_and_signs_are_read() {
    let columns = "m = { type = \"decimal(18,2)\" }";
    let keys = "delimiter = \";\"\nthousands = \",\"\ngrouping = \"indian\"\ncurrency = [\"₹\", \"Rs.\", \"/-\"]\nnegatives = [\"parentheses\"]";
    let text = "m\n₹1,23,456.78\n-₹1,23,456.78\n₹-5\nRs. 1,23,456/-\nRs.\u{a0}12,345\n1,00,00,000\n123456.78\n(₹ 1,234.50)\n999\n\
                1,234,567.00\n12,34\n1,2345\n123,456.00\n₹₹5\n/-5\n₹5₹\n,123\n";
    let project = loaded(keys, columns, text);
    assert_eq!(
        rows(&project),
        [
            "2,123456.78",
            "3,-123456.78",
            "4,-5.00",
            "5,123456.00",
            "6,12345.00",
            "7,10000000.00",
            "8,123456.78",
            "9,-1234.50",
            "10,999.00",
        ]
    );
    assert_eq!(
        project.staged("select line, code from rejects order by line"),
        (11..=18).map(|line| format!("{line},not_a_number")).collect::<Vec<_>>()
    );
}

#[test]
fn field_b5_signs_may_hold_points_and_several_characters() {
    let project = loaded(
        "delimiter = \";\"\ndecimal = \",\"\nthousands = \".\"\ncurrency = [\"R$\", \"kr.\", \"kr\", \"S/.\", \",-\"]",
        "m = { type = \"decimal(18,2)\" }",
        "m\nR$ 1.234,56\n1.234,56 kr.\n1.234,50\u{202f}kr\nkr. 5\nS/.1.000\n1.234,-\nkr 1.234,-\n-R$5\n1.234,56 kr..\nR 5\n",
    );
    assert_eq!(
        rows(&project),
        ["2,1234.56", "3,1234.56", "4,1234.50", "5,5.00", "6,1000.00", "7,1234.00", "8,1234.00", "9,-5.00",]
    );
    assert_eq!(rejects(&project), ["10,m,not_a_number,\"1.234,56 kr..\"", "11,m,not_a_number,R 5"]);
    // A price that ends in a comma and a minus is not negative.
    let project = loaded(
        "delimiter = \";\"\ndecimal = \",\"\nnegatives = [\"trailing_minus\"]",
        "m = { type = \"integer\" }",
        "m\n5,-\n5-\n",
    );
    assert_eq!(rows(&project), ["3,-5"]);
    for (keys, expected) in [
        ("currency = [\".\"]", "currency holds signs"),
        ("currency = [\"5\"]", "currency holds signs"),
        ("currency = [\"-\"]", "currency holds signs"),
        ("grouping = \"indian\"\ndecimal = \",\"", "thousands"),
        ("grouping = \"indan\"", "indian"),
        ("currency = [\"/-\"]\nnegatives = [\"trailing_minus\"]", "trailing_minus"),
    ] {
        let error = refused_contract(keys, "m = { type = \"integer\" }");
        assert!(error.contains(expected), "{keys}: {error}");
    }
}

#[test]
fn field_b5_groups_of_four_digits_are_read_where_declared() {
    let keys = "delimiter = \";\"\nthousands = \",\"\ngrouping = \"myriads\"";
    let project = loaded(keys, "m = { type = \"bigint\" }", "m\n1,2345,6789\n12,3456\n1,234\n");
    assert_eq!(rows(&project), ["2,123456789", "3,123456"]);
    assert_eq!(rejects(&project), ["4,m,not_a_number,\"1,234\""]);
}

fn refused_contract(keys: &str, columns: &str) -> String {
    declared(keys, columns).fails(&["ingest"])
}

#[test]
fn field_a12_exponents_are_read_where_declared_and_are_exact() {
    let text = "k,m\n9.91214E+15,1.5e3\nb,-2.5E-1\nc,8.881784e-16\nd,1e999999999\ne,1e-999999999\nf,0e99999999999999999999\n\
                g,1e99999999999999999999\nh,1e\ni,1e1.5\nj,1e-99999999999999999999\nk,0.000000000000000000000000000000000000000000012e44\n\
                l,100000000000000000000000000000000000000000e-40\nm,e5\n";
    let project = loaded("", "k = { type = \"varchar\" }\nm = { type = \"decimal(18,2)\", exponent = true }", text);
    assert_eq!(rows(&project), ["2,9.91214E+15,1500.00", "3,b,-0.25", "7,f,0.00", "12,k,1.20", "13,l,10.00"]);
    assert_eq!(
        project.staged("select line, code from rejects order by line"),
        [
            "4,not_exact",
            "5,out_of_range",
            "6,not_exact",
            "8,out_of_range",
            "9,not_a_number",
            "10,not_a_number",
            "11,not_exact",
            "14,not_a_number",
        ]
    );
    // Of all columns of a file at once; without the declaration they stay rejects.
    let project = loaded("exponent = true", "m = { type = \"integer\" }", "m\n2e3\n");
    assert_eq!(rows(&project), ["2,2000"]);
    let project = loaded("", "m = { type = \"integer\" }", "m\n2e3\n");
    assert_eq!(rejects(&project), ["2,m,not_a_number,2e3"]);
}

#[test]
fn field_a12_a_declared_rounding_is_exact_counted_and_said() {
    let text = "m,n\n8.881784e-16,1\n0.005,2.5\n0.015,3.5\n-0.005,-2.5\n1.0050000000000000000000000000000000000000000000001,1\n2.50,1\n1e-999999999,1\n-0.004,1\n";
    let columns = |rounding: &str| {
        format!(
            "m = {{ type = \"decimal(18,2)\", exponent = true, rounding = \"{rounding}\" }}\nn = {{ type = \"integer\", rounding = \"{rounding}\" }}"
        )
    };
    let project = declared("", &columns("half_even"));
    project.write("data/raw/t.csv", text);
    let said = project.ok(&["ingest"]);
    assert_eq!(
        rows(&project),
        ["2,0.00,1", "3,0.00,2", "4,0.02,4", "5,0.00,-2", "6,1.01,1", "7,2.50,1", "8,0.00,1", "9,0.00,1"]
    );
    assert!(said_by(&said).contains("10 values rounded (m 7, n 3)"), "{}", said_by(&said));
    let project = declared("", &columns("half_up"));
    project.write("data/raw/t.csv", text);
    project.ok(&["ingest"]);
    assert_eq!(
        rows(&project),
        ["2,0.00,1", "3,0.01,3", "4,0.02,4", "5,-0.01,-3", "6,1.01,1", "7,2.50,1", "8,0.00,1", "9,0.00,1"]
    );
    let error = refused_contract("", "m = { type = \"varchar\", rounding = \"half_up\" }");
    assert!(error.contains("rounding"), "{error}");
    // A value that was rounded in a record that is refused does not count.
    let project = declared("", "m = { type = \"decimal(18,2)\", rounding = \"half_up\" }\nn = { type = \"integer\" }");
    project.write("data/raw/t.csv", "m,n\n0.001,1\n0.001,x\n");
    let said = said_by(&project.ok(&["ingest"]));
    assert!(said.contains("1 value rounded (m 1)"), "{said}");
}

#[test]
fn field_a12_a_model_that_casts_text_to_a_number_is_warned_about() {
    let project = declared("", "k = { type = \"varchar\" }\nn = { type = \"integer\" }");
    project.write("data/raw/t.csv", "k,n\n1,2\n");
    for model in std::fs::read_dir(project.path("sql")).unwrap() {
        std::fs::remove_dir_all(model.unwrap().path()).unwrap();
    }
    project.write(
        "sql/staging/stg_t.sql",
        "-- key: k\nselect\n    k,\n    cast(k as decimal(18, 2)) as a,\n    coalesce(try_cast(trim(k) as double), 0) as b,\n    \
         n::varchar as c,\n    cast('1' as integer) as d,\n    cast(strftime(date '2024-01-01', '%Y') as integer) as e\nfrom raw.t\n",
    );
    project.write(
        "sql/staging/stg_u.sql",
        "-- materialized: view\nselect\n    n,\n    (select max(x.k::int) from raw.t as x) as a\nfrom raw.t\n",
    );
    project.write("sql/staging/stg_v.sql", "select n, a from stg_u\n");
    project.write("sql/staging/stg_w.sql", "select\n    money(n) as a,\n    money(k) as b\nfrom raw.t\n");
    let said = said_by(&project.ok(&["compile"]));
    for (place, kind) in [
        ("stg_t.sql:4", "DECIMAL(18,2)"),
        ("stg_t.sql:5", "DOUBLE"),
        ("stg_u.sql:4", "INTEGER"),
        ("stg_w.sql:3", "DECIMAL(18,4)"),
    ] {
        assert!(said.lines().any(|line| line.contains(place) && line.contains(kind)), "{place} {kind}: {said}");
    }
    assert_eq!(said.matches("casts text to").count(), 4, "{said}");
    assert!(said.contains("declare the type in the contract"), "{said}");
    let said = said_by(&project.ok(&["ingest"])) + &said_by(&project.ok(&["build"]));
    assert_eq!(said.matches("casts text to").count(), 4, "{said}");
}

#[test]
fn field_a12_the_shipped_models_cast_no_text_to_a_number() {
    let said = said_by(&Project::new().ok(&["compile"]));
    assert!(!said.contains("casts text to"), "{said}");
}

#[test]
fn field_b1_a_zone_does_not_take_a_moment_out_of_the_years() {
    let column = "a = { type = \"timestamp\", formats = [\"%Y-%m-%dT%H:%M:%S%z\"], time_zone = \"America/Chicago\" }";
    let project = loaded("", column, "a\n9999-12-31T23:59:59-12:00\n9999-12-31T23:59:59+00:00\n");
    assert_eq!(rows(&project), ["3,9999-12-31 17:59:59"]);
    assert_eq!(project.staged("select line, code from rejects"), ["2,bad_date"]);
}
