//! Text in files that people open in a spreadsheet. A spreadsheet evaluates a cell that begins like a formula, and a formula can send
//! the sheet's content elsewhere, so every writer of such files passes its text through [`neutralize`].

use std::borrow::Cow;

/// What a formula may begin with. Excel takes the full-width signs of East Asian keyboards, too.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// The text of one cell, with an apostrophe before what a spreadsheet would evaluate. Spreadsheets do not show the apostrophe.
/// [`restore`] undoes it for every text: a text that has apostrophes before a formula gets one more.
pub fn neutralize(text: &str) -> Cow<'_, str> {
    match is_formula(text.trim_start_matches('\'')) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// The text that [`neutralize`] was given.
pub fn restore(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(rest.trim_start_matches('\'')) => rest,
        _ => text,
    }
}

/// [`neutralize`] for a cell of a comma-separated file that is opened by a double click. Where a country's separator is the semicolon, a
/// spreadsheet splits such a file at semicolons, tabs and line breaks, also within quotation marks: a formula may begin behind each.
/// [`restore_cell`] undoes it.
pub fn neutralize_cell(text: &str) -> Cow<'_, str> {
    match text.contains(SEPARATORS) {
        true => Cow::Owned(text.split_inclusive(SEPARATORS).map(neutralize_part).collect()),
        false => neutralize(text),
    }
}

/// A part of a cell with the separator at its end.
fn neutralize_part(part: &str) -> Cow<'_, str> {
    match is_number(part.trim_end_matches(SEPARATORS)) {
        true => Cow::Borrowed(part),
        false => neutralize(part),
    }
}

/// The text that [`neutralize_cell`] was given.
pub fn restore_cell(text: &str) -> Cow<'_, str> {
    match text.contains(SEPARATORS) {
        true => Cow::Owned(text.split_inclusive(SEPARATORS).map(restore).collect()),
        false => Cow::Borrowed(restore(text)),
    }
}

const SEPARATORS: [char; 4] = [';', '\t', '\n', '\r'];

/// A line of prose in a CSV file, such as a note above the table: spreadsheets split it at commas, semicolons and tabs, so a formula may
/// begin behind each of them. Quotation marks become apostrophes, for a spreadsheet would join the following lines to a cell that one opens.
pub fn neutralize_line(line: &str) -> String {
    let line = line.replace('"', "'").replace(|letter: char| letter.is_control() && letter != '\t', " ");
    line.split_inclusive([',', ';', '\t']).map(neutralize).collect()
}

fn is_formula(text: &str) -> bool {
    let is_skipped = |letter: char| letter.is_whitespace() || letter.is_control() || INVISIBLE.contains(&letter);
    let begins_like_one =
        text.starts_with(['\t', '\r', '\n']) || text.trim_start_matches(is_skipped).starts_with(SIGNS);
    begins_like_one && !is_number(text)
}

/// A number with a sign, such as `-10.50`: it evaluates to itself. Negative quantities and amounts fill lists of rejects.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.split(['.', ',']).all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Byte order mark, zero-width space, non-joiner, joiner, and the marks of direction: some programs drop them.
const INVISIBLE: [char; 6] = ['\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g10_what_a_spreadsheet_would_evaluate_gets_an_apostrophe() {
        for text in [
            "=1",
            "+1+1",
            "-1-1",
            "-",
            "+a",
            "-1.",
            "--1",
            "@a",
            "＝1",
            "＋1",
            "－1",
            "＠a",
            " =1",
            "\u{a0}=1",
            "\u{feff}=1",
            "\0=1",
            "\tx",
            "\rx",
            "\nx",
            "'=1",
        ] {
            assert_eq!(neutralize(text), format!("'{text}"));
        }
        for text in ["", "a=b", "1-1", "-1", "+1", "-10.50", "-1.234,5", "'", "'a", "O'Neill", "5 %", " a", "ａ＝"] {
            assert_eq!(neutralize(text), text);
        }
    }

    #[test]
    fn g10_every_text_comes_back_as_it_was() {
        let letters = ['\'', '=', '-', ' ', '\t', 'a', '＝', '\u{feff}'];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            let longer =
                texts.iter().flat_map(|text| letters.map(|letter| format!("{text}{letter}"))).collect::<Vec<_>>();
            for text in &longer {
                assert_eq!(restore(&neutralize(text)), text);
            }
            texts = longer;
        }
    }

    #[test]
    fn field_e5_a_cell_has_no_formula_behind_a_separator_of_another_country_and_comes_back() {
        for (cell, expected) in [
            ("a;=1", "a;'=1"),
            ("=1;=2", "'=1;'=2"),
            ("a\n=1\tb", "a\n'=1\tb"),
            ("a,=1", "a,=1"),
            ("a; b", "a; b"),
            ("T1;-5;x", "T1;-5;x"),
        ] {
            assert_eq!(neutralize_cell(cell), expected);
        }
        let letters = ['\'', '=', ';', '\n', '\r', ' ', 'a'];
        let mut texts = vec![String::new()];
        for _ in 0..6 {
            let longer =
                texts.iter().flat_map(|text| letters.map(|letter| format!("{text}{letter}"))).collect::<Vec<_>>();
            for text in &longer {
                assert_eq!(restore_cell(&neutralize_cell(text)), *text);
            }
            texts = longer;
        }
    }

    #[test]
    fn g10_a_line_has_no_formula_behind_any_separator() {
        for (line, expected) in [
            ("# Region: North, South", "# Region: North, South"),
            ("# Region: a,=1", "# Region: a,'=1"),
            ("# Region: a; =1", "# Region: a;' =1"),
            ("# Region: a\t=1", "# Region: a\t'=1"),
            ("# Region: ,\"x\",=1", "# Region: ,'x','=1"),
            ("# Region: a\r\n=1", "# Region: a  =1"),
            ("=1", "'=1"),
        ] {
            assert_eq!(neutralize_line(line), expected);
        }
    }
}
