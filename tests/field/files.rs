//! Files by other programs: Parquet, NDJSON and fixed places.

use std::fmt::Write as _;
use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use crate::harness::Project;
use crate::harness::declared::{declared, loaded, rejects, rows};

/// The values of one column; no level is a null.
enum Column {
    Int32(Vec<Option<i32>>),
    Int64(Vec<Option<i64>>),
    Int96(Vec<Option<[u32; 3]>>),
    Float(Vec<Option<f32>>),
    Double(Vec<Option<f64>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Fixed(Vec<Option<Vec<u8>>>),
}

/// Splits into values and definition levels.
fn parts<T: Clone, U>(values: &[Option<T>], make: impl Fn(T) -> U) -> (Vec<U>, Vec<i16>) {
    (
        values.iter().flatten().cloned().map(make).collect(),
        values.iter().map(|value| i16::from(value.is_some())).collect(),
    )
}

/// Writes a Parquet file of optional columns, column by column as they are stored; each part is a row group.
fn write_parquet(project: &Project, schema: &str, groups: &[Vec<Column>]) {
    let path = project.path("data/raw/t.parquet");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = Arc::new(parse_message_type(&format!("message m {{ {schema} }}")).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(std::fs::File::create(path).unwrap(), schema, properties).unwrap();
    for columns in groups {
        let mut group = file.next_row_group().unwrap();
        for column in columns {
            let mut writer = group.next_column().unwrap().unwrap();
            match (writer.untyped(), column) {
                (ColumnWriter::Int32ColumnWriter(writer), Column::Int32(values)) => {
                    let (values, levels) = parts(values, |value| value);
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                (ColumnWriter::Int64ColumnWriter(writer), Column::Int64(values)) => {
                    let (values, levels) = parts(values, |value| value);
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                (ColumnWriter::Int96ColumnWriter(writer), Column::Int96(values)) => {
                    let (values, levels) = parts(values, |[low, high, day]| {
                        let mut value = Int96::new();
                        value.set_data(low, high, day);
                        value
                    });
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                (ColumnWriter::FloatColumnWriter(writer), Column::Float(values)) => {
                    let (values, levels) = parts(values, |value| value);
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                (ColumnWriter::DoubleColumnWriter(writer), Column::Double(values)) => {
                    let (values, levels) = parts(values, |value| value);
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                (ColumnWriter::ByteArrayColumnWriter(writer), Column::Bytes(values)) => {
                    let (values, levels) = parts(values, ByteArray::from);
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Column::Fixed(values)) => {
                    let (values, levels) = parts(values, |bytes| FixedLenByteArray::from(ByteArray::from(bytes)));
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                _ => panic!("the column is of another type"),
            }
            writer.close().unwrap();
        }
        group.close().unwrap();
    }
    file.close().unwrap();
}

/// A number in so many bytes, the highest first.
fn in_bytes(number: i128, length: usize) -> Vec<u8> {
    let all = number.to_be_bytes();
    match length.checked_sub(all.len()) {
        Some(more) => [vec![if number < 0 { 0xFF } else { 0 }; more], all.to_vec()].concat(),
        None => all[all.len() - length..].to_vec(),
    }
}

fn parquet(columns: &str) -> Project {
    declared("format = \"parquet\"", columns)
}

#[test]
fn field_i1_decimals_of_parquet_are_exact_at_every_width() {
    let project = parquet(
        "a = { type = \"decimal(38,10)\" }\nb = { type = \"decimal(18,2)\" }\nc = { type = \"decimal(18,4)\" }\nd = { type = \"decimal(38,2)\" }\ne = { type = \"decimal(38,2)\" }",
    );
    write_parquet(
        &project,
        "optional fixed_len_byte_array(17) a (decimal(39,2)); optional int32 b (decimal(9,2)); optional int64 c (decimal(18,4));
         optional binary d (decimal(76,2)); optional fixed_len_byte_array(32) e (decimal(76,38));",
        &[vec![
            Column::Fixed(vec![Some(in_bytes(1250, 17)), Some(in_bytes(-1, 17)), None, Some(in_bytes(10_i128.pow(36), 17))]),
            Column::Int32(vec![Some(1250), Some(-1), None, Some(i32::MAX)]),
            Column::Int64(vec![Some(125_000), Some(-1), None, Some(i64::MAX)]),
            Column::Bytes(vec![Some(in_bytes(1250, 2)), Some(in_bytes(-1, 40)), None, Some(in_bytes(10_i128.pow(38) - 1, 16))]),
            Column::Fixed(vec![
                Some(in_bytes(125 * 10_i128.pow(36), 32)),
                Some(in_bytes(-(10_i128.pow(36)), 32)),
                None,
                Some(in_bytes(1, 32)),
            ]),
        ]],
    );
    project.ok(&["ingest"]);
    assert_eq!(
        rows(&project),
        ["1,12.5000000000,12.50,12.5000,12.50,1.25", "2,-0.0100000000,-0.01,-0.0001,-0.01,-0.01", "3,,,,,"]
    );
    assert_eq!(
        rejects(&project),
        [
            "4,a,out_of_range,10000000000000000000000000000000000.00",
            "4,c,out_of_range,922337203685477.5807",
            "4,e,not_exact,0.00000000000000000000000000000000000001"
        ]
    );
}

#[test]
fn field_i1_decimals_wider_than_any_type_are_refused_by_name() {
    let project = parquet("m = { type = \"decimal(38,4)\" }");
    write_parquet(
        &project,
        "optional fixed_len_byte_array(32) m (decimal(76,4));",
        &[vec![Column::Fixed(vec![
            Some(in_bytes(125_000, 32)),
            Some([vec![0x7F], vec![0xFF; 31]].concat()),
            Some([vec![0x80], vec![0; 31]].concat()),
        ])]],
    );
    project.ok(&["ingest"]);
    assert_eq!(rows(&project), ["1,12.5000"]);
    let digits = "5789604461865809771178549250434395392663499233282028201972879200395656481";
    assert_eq!(
        rejects(&project),
        [format!("2,m,out_of_range,{digits}.9967"), format!("3,m,out_of_range,-{digits}.9968")]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Written as stored by one library in random widths, nulls and row groups; read by the program.
    #[test]
    fn field_i1_random_decimals_of_random_widths_arrive_digit_by_digit(
        numbers in proptest::collection::vec(proptest::option::of(any::<i128>()), 1..60),
        scale in 0_u32..30,
        extra in 0_usize..20,
        group in 1_usize..40,
    ) {
        let limit = 10_i128.pow(38);
        let numbers: Vec<Option<i128>> = numbers.into_iter().map(|number| number.map(|number| number % limit)).collect();
        let width = 16 + extra;
        let precision = if extra == 0 { 38 } else { 39 };
        let project = parquet("a = { type = \"varchar\" }\nb = { type = \"varchar\" }");
        let groups: Vec<Vec<Column>> = numbers
            .chunks(group)
            .map(|part| {
                let fixed = part.iter().map(|number| number.map(|number| in_bytes(number, width))).collect();
                let bytes = part.iter().map(|number| number.map(|number| in_bytes(number, 16 + (number % 7).unsigned_abs() as usize))).collect();
                vec![Column::Fixed(fixed), Column::Bytes(bytes)]
            })
            .collect();
        let schema = format!(
            "optional fixed_len_byte_array({width}) a (decimal({precision},{scale})); optional binary b (decimal(60,{scale}));"
        );
        write_parquet(&project, &schema, &groups);
        project.ok(&["ingest"]);
        let expected: Vec<String> = numbers
            .iter()
            .enumerate()
            .map(|(row, number)| {
                let text = number.map_or_else(String::new, |number| spelled(number, scale as usize));
                format!("{},{text},{text}", row + 1)
            })
            .collect();
        prop_assert_eq!(rows(&project), expected);
    }

    /// Written by DuckDB with random values of every type that it has; read by the program, whose reader is another library.
    #[test]
    fn field_i1_what_duckdb_writes_arrives_as_duckdb_spells_it(seed in any::<u32>(), rows_per_group in 1_u32..4000, codec in 0_usize..5) {
        let codec = ["uncompressed", "snappy", "gzip", "zstd", "lz4_raw"][codec];
        let types = [
            ("boolean", "$ % 2 = 0"),
            ("tinyint", "($ % 256)::integer - 128"),
            ("utinyint", "$ % 256"),
            ("smallint", "($ % 65536)::integer - 32768"),
            ("usmallint", "$ % 65536"),
            ("integer", "($ % 4294967296)::bigint - 2147483648"),
            ("uinteger", "$ % 4294967296"),
            ("bigint", "($::hugeint - 9223372036854775808)"),
            ("ubigint", "$"),
            ("decimal(4,1)", "(($ % 9999)::integer - 5000) / 10"),
            ("decimal(9,3)", "(($ % 999999999)::integer - 500000000)::decimal(18,3) * 0.001"),
            ("decimal(18,6)", "(($ % 999999999999)::bigint - 500000000000)::decimal(18,0) * 0.000001"),
            ("decimal(38,10)", "($::hugeint - 9223372036854775808)::decimal(28,0) * 0.0000000001"),
            ("double", "($::double - 9e18) * pow(10, ($ % 60)::integer - 40)"),
            ("float", "(($ % 16777216)::float - 8e6) * pow(10, ($ % 30)::integer - 15)"),
            ("date", "date '1900-01-01' + ($ % 90000)::integer"),
            ("timestamp", "make_timestamp(($ % 4000000000000000)::bigint - 1000000000000000)"),
            ("timestamp_ms", "make_timestamp(($ % 4000000000000)::bigint * 1000)"),
            ("timestamp_ns", "make_timestamp_ns(($ % 4000000000000000000)::bigint)"),
            ("time", "make_time(($ % 24)::bigint, ($ % 60)::bigint, ($ % 60000000)::double / 1e6)"),
            ("uuid", "md5($::varchar)::uuid"),
            ("varchar", "case when $ % 5 = 0 then 'same' else md5($::varchar) end"),
        ];
        let project = parquet(&(0..types.len()).fold(String::new(), |mut all, number| {
            let _ = writeln!(all, "c{number} = {{ type = \"varchar\" }}");
            all
        }));
        let selected: Vec<String> = types
            .iter()
            .enumerate()
            .map(|(number, (kind, value))| {
                let value = value.replace('$', &format!("hash(n, {number}, {seed})"));
                format!("cast(case when hash(n, {seed}, {number}) % 7 > 0 then {value} end as {kind}) as c{number}")
            })
            .collect();
        let path = project.path("data/raw/t.parquet");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let conn = duckdb::Connection::open_in_memory().unwrap();
        conn.execute_batch(&format!("create table t as select {} from range(5000) as r (n)", selected.join(", "))).unwrap();
        let row_group = u64::from(rows_per_group).next_multiple_of(2048);
        conn.execute_batch(&format!(
            "copy t to '{}' (format parquet, compression {codec}, row_group_size {row_group})",
            path.display()
        ))
        .unwrap();
        project.ok(&["ingest"]);
        let texts: Vec<String> = (0..types.len()).map(|number| format!("c{number}::varchar as c{number}")).collect();
        conn.execute_batch(&format!(
            "attach '{}' as staging (read_only); create table expected as select row_number() over () as line, {} from t",
            project.path("data/staging.duckdb").display(),
            texts.join(", ")
        ))
        .unwrap();
        for (number, (kind, _)) in types.iter().enumerate() {
            // Of several shortest texts of a binary fraction, any will do.
            let differs = match *kind {
                "float" | "double" => format!(
                    "(expected.c{number}::{kind} is distinct from loaded.c{number}::{kind} or length(loaded.c{number}) > length(expected.c{number}))"
                ),
                _ => format!("expected.c{number} is distinct from loaded.c{number}"),
            };
            let other: Result<(i64, String), _> = conn.query_row(
                &format!(
                    "select line, concat_ws(' became ', coalesce(expected.c{number}, 'null'), coalesce(loaded.c{number}, 'null'))
                     from expected left join staging.loaded.t as loaded on _line = line where {differs} limit 1"
                ),
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            );
            prop_assert!(other.is_err(), "{}: {:?}", kind, other);
        }
        let rows: i64 = conn.query_row("select count(*) from staging.loaded.t", [], |row| row.get(0)).unwrap();
        prop_assert_eq!(rows, 5000);
    }
}

/// `number / 10^scale`, by cutting its digits.
fn spelled(number: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let point = if scale == 0 { "" } else { "." };
    format!("{}{whole}{point}{fraction}", if number < 0 { "-" } else { "" })
}

#[test]
fn field_i1_numbers_of_json_are_taken_from_their_text() {
    let project = declared(
        "format = \"ndjson\"",
        "a = { type = \"decimal(38,10)\", optional = true }\nb = { type = \"bigint\", optional = true }\nk = { type = \"varchar\", optional = true }",
    );
    project.write(
        "data/raw/t.ndjson",
        "{\"a\":12345678901234567890.123456789}\n{\"a\":0.1,\"b\":18446744073709551615}\n{\"a\":1e400}\n{\"a\":1e-400}\n{\"b\":9223372036854775807}\n\
         {\"b\":9007199254740993.0}\n{\"k\":12345678901234567890.10}\n{\"b\":1e999999999999}\n{\"b\":0e999999999999}\n",
    );
    project.ok(&["ingest"]);
    assert_eq!(
        rows(&project),
        [
            "1,12345678901234567890.1234567890,,",
            "5,,9223372036854775807,",
            "6,,9007199254740993,",
            "7,,,12345678901234567890.10",
            "9,,0,",
        ]
    );
    assert_eq!(
        rejects(&project),
        [
            "2,b,out_of_range,18446744073709551615",
            "3,a,out_of_range,1e400",
            "4,a,not_exact,1e-400",
            "8,b,out_of_range,1e999999999999",
        ]
    );
}

#[test]
fn field_i1_floats_of_parquet_count_as_their_shortest_text() {
    let project =
        parquet("f = { type = \"decimal(38,20)\" }\nd = { type = \"decimal(18,2)\", rounding = \"half_even\" }");
    write_parquet(
        &project,
        "optional float f; optional double d;",
        &[vec![
            Column::Float(vec![Some(0.1), Some(16_777_216.0), Some(f32::NAN), None, Some(1e-10)]),
            Column::Double(vec![Some(0.1 + 0.2), Some(8.881_784_197_001_252e-16), Some(1.0), None, Some(0.125)]),
        ]],
    );
    let said = project.ok(&["ingest"]);
    assert_eq!(
        rows(&project),
        [
            "1,0.10000000000000000000,0.30",
            "2,16777216.00000000000000000000,0.00",
            "4,,",
            "5,0.00000000010000000000,0.12",
        ]
    );
    assert_eq!(rejects(&project), ["3,f,not_a_number,nan"]);
    assert!(
        format!("{}{}", said.stdout, said.stderr).contains("3 values rounded (d 3)"),
        "{}{}",
        said.stdout,
        said.stderr
    );
}

#[test]
fn field_i2_what_a_timestamp_cannot_hold_is_a_reject_in_every_file() {
    let day = 2_460_325_u32; // 2024-01-15
    let at = |nanos: u64| [(nanos & 0xFFFF_FFFF) as u32, (nanos >> 32) as u32, day];
    let nanos = 37_425_123_456_000_u64; // 10:23:45.123456
    let since_1970 = 1_705_276_800_000_000_000_i64 + nanos as i64;
    let columns = "a = { type = \"timestamp\" }\nb = { type = \"timestamp\" }\nc = { type = \"timestamp\" }\nd = { type = \"timestamp\" }\ne = { type = \"timestamp\" }";
    let project = parquet(columns);
    write_parquet(
        &project,
        "optional int96 a; optional int64 b (timestamp(nanos,false)); optional int64 c (timestamp(micros,false));
         optional int64 d (timestamp(millis,false)); optional int64 e (timestamp_micros);",
        &[vec![
            Column::Int96(vec![Some(at(nanos)), Some(at(nanos + 789)), None]),
            Column::Int64(vec![Some(since_1970), Some(since_1970 + 789), None]),
            Column::Int64(vec![Some(since_1970 / 1000), Some(1), None]),
            Column::Int64(vec![Some(since_1970 / 1_000_000), Some(1), None]),
            Column::Int64(vec![Some(since_1970 / 1000), Some(1), None]),
        ]],
    );
    project.ok(&["ingest"]);
    let (micros, millis) = ("2024-01-15 10:23:45.123456", "2024-01-15 10:23:45.123");
    assert_eq!(rows(&project), [format!("1,{micros},{micros},{micros},{millis},{micros}"), "3,,,,,".to_owned()]);
    let lost = "2024-01-15 10:23:45.123456789";
    assert_eq!(rejects(&project), [format!("2,a,not_exact,{lost}"), format!("2,b,not_exact,{lost}")]);
    // A text is treated alike.
    let project = loaded("", "a = { type = \"timestamp\" }", format!("a\n{lost}\n{micros}000\n"));
    assert_eq!(rows(&project), [format!("3,{micros}")]);
    assert_eq!(rejects(&project), [format!("2,a,not_exact,{lost}")]);
}

#[test]
fn field_b1_moments_of_utc_in_parquet_are_loaded_in_the_declared_zone() {
    let schema =
        "optional int64 a (timestamp(micros,true)); optional int64 b (timestamp(micros,false)); optional int96 c;";
    let micros = 1_705_314_225_000_000_i64; // 2024-01-15 10:23:45 UTC
    let columns = |zone: &str| {
        format!(
            "a = {{ type = \"timestamp\"{zone} }}\nb = {{ type = \"timestamp\"{zone} }}\nc = {{ type = \"timestamp\"{zone} }}"
        )
    };
    let write = |project: &Project| {
        let int96 = Column::Int96(vec![Some([0, 0, 2_460_325]), None]);
        let groups = [vec![Column::Int64(vec![Some(micros), None]), Column::Int64(vec![Some(micros), None]), int96]];
        write_parquet(project, schema, &groups);
    };
    let project = parquet(&columns(", time_zone = \"America/Chicago\""));
    write(&project);
    project.ok(&["ingest"]);
    // What is a clock on the wall stays; what does not say is UTC's.
    assert_eq!(rows(&project), ["1,2024-01-15 04:23:45,2024-01-15 10:23:45,2024-01-14 18:00:00", "2,,,"]);
    let project = parquet(&columns(""));
    write(&project);
    let error = project.fails(&["ingest"]);
    assert!(error.contains("column \"a\" holds moments of UTC; set time_zone of column `a`"), "{error}");
}

#[test]
fn field_i7_fixed_places_are_counted_in_the_unit_that_the_file_was_padded_by() {
    let columns = "n = { type = \"varchar\", start = 1, width = 8, trim = true }\nm = { type = \"decimal(18,2)\", start = 9, width = 10 }";
    // Both are padded to eight columns: the second line has six characters there.
    let by_columns = "Smith     12345.67\n東京      12345.67\nZoe\u{308}     12345.67\n";
    let project = loaded("format = \"fixed\"", columns, by_columns);
    assert_eq!(rows(&project), ["1,Smith,12345.67"]);
    assert_eq!(project.staged("select line, code from rejects order by line"), ["2,bad_width", "3,bad_width"]);
    let reason = project.staged("select reason from rejects where line = 2").join("");
    assert!(reason.contains("width_unit") && reason.contains("東"), "{reason}");
    let project = loaded("format = \"fixed\"\nwidth_unit = \"columns\"", columns, by_columns);
    assert_eq!(rows(&project), ["1,Smith,12345.67", "2,東京,12345.67", "3,Zoe\u{308},12345.67"]);
    // Padded by characters, which needs no word where the line is as long as the places, and one where it was trimmed.
    let by_characters = "Smith     12345.67\n東京        12345.67\n東京        1\n";
    let project = loaded("format = \"fixed\"", columns, by_characters);
    assert_eq!(rows(&project), ["1,Smith,12345.67", "2,東京,12345.67"]);
    assert_eq!(project.staged("select line, code from rejects"), ["3,bad_width"]);
    let project = loaded("format = \"fixed\"\nwidth_unit = \"characters\"", columns, by_characters);
    assert_eq!(rows(&project), ["1,Smith,12345.67", "2,東京,12345.67", "3,東京,1.00"]);
    // A character across the edge of a place is no guess either.
    let project = loaded("format = \"fixed\"\nwidth_unit = \"columns\"", columns, "1234567東 12345.67\n");
    assert_eq!(project.staged("select code from rejects"), ["bad_width"]);
    let error = declared("width_unit = \"columns\"", "a = { type = \"varchar\" }").fails(&["ingest"]);
    assert!(error.contains("width_unit goes with format = \"fixed\" only"), "{error}");
}
