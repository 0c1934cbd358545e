//! CSV as it comes back from a spreadsheet. Programs save it with the separator of the country, with another quotation mark, with a byte
//! order mark, in UTF-16, with a line `sep=;` before it or empty rows behind it: all of that is read. What would lose letters is refused.

use std::io::Read;
use std::path::Path;

use anyhow::Result;
use encoding_rs::{UTF_16BE, UTF_16LE};
use salesmart_base::fail;
use salesmart_base::failure::Failure;

/// So much of a file holds its header.
const START: u64 = 64 * 1024;

/// A table of text.
pub struct Sheet {
    /// The header.
    pub names: Vec<String>,
    /// The rows that hold anything, each with its line.
    pub rows: Vec<(u64, csv::StringRecord)>,
}

impl Sheet {
    /// Reads a file whose header has a column of this name.
    ///
    /// # Errors
    /// A file that cannot be read, or is not in UTF-8 or UTF-16.
    pub fn read(path: &Path, first: &str) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let Some(text) = decode(&bytes) else {
            fail!(
                "{}: the file is not in UTF-8, so letters may have been lost when it was saved; save it as \"CSV UTF-8\" (Excel) or with the \
                 character set Unicode (UTF-8)",
                path.display()
            );
        };
        let (passed, text) = without_preamble(&text);
        let mut reader = reader(text, first);
        let names = match reader.headers() {
            Ok(names) => names.iter().map(str::to_owned).collect(),
            Err(error) => return Err(unreadable(path, &error)),
        };
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| unreadable(path, &error))?;
            let line = passed + row.position().map_or(0, csv::Position::line);
            if row.iter().any(|cell| !cell.trim().is_empty()) {
                rows.push((line, row));
            }
        }
        Ok(Self { names, rows })
    }

    /// The column of this name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known.trim() == name)
    }
}

/// Does a file have a header that begins with these columns?
///
/// # Errors
/// A file that cannot be read.
pub fn has_header(path: &Path, columns: &[&str]) -> Result<bool> {
    let mut start = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
    read.map_err(|error| unreadable(path, &error))?;
    let Some(text) = decode_start(&start) else { return Ok(false) };
    let (_, text) = without_preamble(&text);
    let Some(first) = columns.first() else { return Ok(false) };
    let mut reader = reader(text, first);
    let Ok(names) = reader.headers() else { return Ok(false) };
    Ok(names.len() >= columns.len() && names.iter().zip(columns).all(|(name, column)| name.trim() == *column))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> anyhow::Error {
    Failure::new(format!("cannot read {}: {error}", path.display())).into()
}

fn decode(bytes: &[u8]) -> Option<String> {
    for (mark, encoding) in [(b"\xff\xfe", UTF_16LE), (b"\xfe\xff", UTF_16BE)] {
        if let Some(rest) = bytes.strip_prefix(mark) {
            return encoding.decode_without_bom_handling_and_without_replacement(rest).map(|text| text.into_owned());
        }
    }
    String::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).to_vec()).ok()
}

/// The same for a text that may be cut in the middle of a letter.
fn decode_start(bytes: &[u8]) -> Option<String> {
    (0..4).filter_map(|cut| bytes.len().checked_sub(cut)).find_map(|end| decode(&bytes[..end]))
}

/// The text behind `sep=;`, which some programs write for others, and how many lines that is.
fn without_preamble(text: &str) -> (u64, &str) {
    match text.split_once('\n') {
        Some((line, rest)) if line.trim_matches('"').starts_with("sep=") => (1, rest),
        _ => (0, text),
    }
}

/// A reader with the separator and the quotation mark of the header, in which the column `first` stands somewhere.
fn reader<'t>(text: &'t str, first: &str) -> csv::Reader<&'t [u8]> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = [',', ';', '\t', '|'].into_iter().max_by_key(|separator| header.matches(*separator).count());
    let quote = if header.contains(&format!("'{first}'")) { b'\'' } else { b'"' };
    csv::ReaderBuilder::new()
        .delimiter(delimiter.and_then(|separator| u8::try_from(separator).ok()).unwrap_or(b','))
        .quote(quote)
        .flexible(true)
        .from_reader(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<(Vec<String>, Vec<Vec<String>>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fix.csv");
        std::fs::write(&path, bytes).unwrap();
        assert!(has_header(&path, &["_file", "_line"]).unwrap() || decode(bytes).is_none());
        let sheet = Sheet::read(&path, "_file")?;
        let rows = sheet.rows.iter().map(|(_, row)| row.iter().map(str::to_owned).collect()).collect();
        Ok((sheet.names, rows))
    }

    #[test]
    fn field_e5_a_table_is_read_however_a_spreadsheet_saves_it() {
        let expected =
            (vec!["_file".to_owned(), "_line".to_owned()], vec![vec!["a;b,\"c'.csv".to_owned(), "7".to_owned()]]);
        let utf16 = |text: &str| {
            [b"\xff\xfe".to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()].concat()
        };
        for bytes in [
            b"_file,_line\n\"a;b,\"\"c'.csv\",7\n".to_vec(),
            b"\xef\xbb\xbf_file;_line\r\n\"a;b,\"\"c'.csv\";7\r\n;\r\n".to_vec(),
            b"sep=;\r\n\"_file\";\"_line\"\r\n\"a;b,\"\"c'.csv\";\"7\"\r\n".to_vec(),
            b"'_file';'_line'\n'a;b,\"c''.csv';'7'\n;;;\n".to_vec(),
            utf16("_file\t_line\r\n\"a;b,\"\"c'.csv\"\t7\r\n"),
        ] {
            assert_eq!(read(&bytes).unwrap(), expected, "{}", String::from_utf8_lossy(&bytes));
        }
        let error = read(b"_file;_line\nM\xfcnchen;7\n").unwrap_err().to_string();
        assert!(error.contains("CSV UTF-8"), "{error}");
    }
}
