//! Lines of fixed places, counted in characters or in the columns that a terminal gives them.
//!
//! Most characters are one column wide; those of Chinese, Japanese and Korean are two, combining marks are none. A program that pads
//! by the one and a contract that counts in the other would shift every value behind such a character, so a line is only read
//! where the contract says which it is, or where only one of them can be.

use unicode_width::UnicodeWidthChar;

use super::fields::Span;
use crate::cast::fault::{Code, Fault};
use crate::contract::{Contract, Drift, WidthUnit};

/// The places of a contract.
pub struct FixedPlaces {
    /// First unit, from 0, and how many.
    places: Vec<(usize, usize)>,
    /// Where the last of them ends.
    reach: usize,
    unit: WidthUnit,
    drift: Drift,
}

impl FixedPlaces {
    /// The places that the contract declares.
    pub fn new(contract: &Contract) -> Self {
        let places: Vec<(usize, usize)> = contract.columns.iter().filter_map(|column| column.place).collect();
        let reach = places.iter().map(|(start, width)| start + width).max().unwrap_or(0);
        Self { places, reach, unit: contract.width_unit, drift: contract.drift }
    }

    /// Cuts a line. It may end early: what is missing is empty. `into` is cleared first.
    ///
    /// # Errors
    /// Text outside the places, which would be lost unseen, and a line that cannot be cut there without a guess.
    pub fn cut(&self, line: &str, into: &mut Vec<Span>) -> Result<(), Fault> {
        into.clear();
        if line.is_ascii() {
            let at = |unit: usize| unit.min(line.len());
            into.extend(self.places.iter().map(|(start, width)| Span::between(at(*start), at(start + width))));
            let chars = line.bytes().map(char::from).enumerate();
            return self.check_rest(chars);
        }
        let starts = match self.unit {
            WidthUnit::Columns => columns(line),
            WidthUnit::Characters => characters(line),
            WidthUnit::Undeclared => {
                self.check_unit(line)?;
                characters(line)
            }
        };
        for (start, end) in self.ends(line, &starts)? {
            into.push(Span::between(start, end));
        }
        self.check_rest(starts.iter().filter_map(|start| Some((start.unit, line[start.byte..].chars().next()?))))
    }

    /// The bytes between which each place lies.
    fn ends(&self, line: &str, starts: &[Start]) -> Result<Vec<(usize, usize)>, Fault> {
        let bytes = |(start, width): &(usize, usize)| {
            Ok((byte_at(line, starts, *start)?, byte_at(line, starts, start + width)?))
        };
        self.places.iter().map(bytes).collect()
    }

    fn check_rest(&self, mut chars: impl Iterator<Item = (usize, char)>) -> Result<(), Fault> {
        if self.drift == Drift::IgnoreExtra {
            return Ok(());
        }
        let is_declared = |at: usize| self.places.iter().any(|(start, width)| (*start..start + width).contains(&at));
        match chars.find(|(at, c)| !c.is_whitespace() && !is_declared(*at)) {
            None => Ok(()),
            Some((at, c)) => Err(Fault::new(
                Code::TooManyFields,
                format!(
                    "'{c}' at {} {} lies outside the declared columns; drift = \"ignore_extra\" drops it",
                    self.unit.singular(),
                    at + 1
                ),
            )),
        }
    }

    /// May the places be counted in characters, as nothing is declared?
    fn check_unit(&self, line: &str) -> Result<(), Fault> {
        let Some(odd) = line.chars().find(|c| width(*c) != 1) else { return Ok(()) };
        let (length, text) = (line.chars().count(), line.trim_end());
        let width_of_text: usize = text.chars().map(width).sum();
        // The unit does not matter if both give the same values.
        let by_columns = self.ends(line, &columns(line));
        let is_same = by_columns.is_ok_and(|ends| self.ends(line, &characters(line)).is_ok_and(|same| same == ends));
        // Padded by characters to the last place, and too wide to have been padded by columns. Either alone may be chance: blanks
        // at the end of a line are cut or added, and a value may be too long for its place.
        let is_by_characters = length == self.reach && width_of_text > self.reach;
        if self.drift == Drift::Error && (is_same || is_by_characters) {
            return Ok(());
        }
        let columns = width_of_text;
        let wide = match width(odd) {
            0 => "no column wide",
            _ => "two columns wide",
        };
        Err(Fault::new(
            Code::BadWidth,
            format!(
                "'{odd}' is {wide}, so the line is {length} characters long and {columns} columns wide where the places reach {}: set \
                 width_unit = \"columns\" or width_unit = \"characters\" in the contract, whichever the file was padded by",
                self.reach
            ),
        ))
    }
}

/// Columns of a character.
fn width(c: char) -> usize {
    c.width().unwrap_or(1)
}

/// Where a character begins: in the line's bytes, and in units.
#[derive(Clone, Copy)]
struct Start {
    byte: usize,
    unit: usize,
}

fn characters(line: &str) -> Vec<Start> {
    line.char_indices().enumerate().map(|(unit, (byte, _))| Start { byte, unit }).collect()
}

/// Characters without a width belong to the one before.
fn columns(line: &str) -> Vec<Start> {
    let mut unit = 0;
    let mut starts = Vec::with_capacity(line.len());
    for (byte, c) in line.char_indices() {
        match width(c) {
            0 if unit > 0 => {}
            width => {
                starts.push(Start { byte, unit });
                unit += width;
            }
        }
    }
    // The end is a place, too, so that the last character can be seen to be cut.
    starts.push(Start { byte: line.len(), unit });
    starts
}

/// The byte at which a unit begins; beyond the end of the line it is the end.
fn byte_at(line: &str, starts: &[Start], unit: usize) -> Result<usize, Fault> {
    let next = starts.partition_point(|start| start.unit < unit);
    match starts.get(next) {
        Some(start) if start.unit > unit => {
            let cut = next.checked_sub(1).and_then(|before| line[starts[before].byte..].chars().next()).unwrap_or(' ');
            let reason =
                format!("'{cut}' is two columns wide and lies across the edge of a place, behind column {unit}");
            Err(Fault::new(Code::BadWidth, reason))
        }
        Some(start) => Ok(start.byte),
        None => Ok(line.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(unit: WidthUnit, drift: Drift) -> FixedPlaces {
        FixedPlaces { places: vec![(0, 6), (6, 4), (10, 3)], reach: 13, unit, drift }
    }

    fn cut(places: &FixedPlaces, line: &str) -> Result<Vec<String>, Code> {
        let mut into = Vec::new();
        places.cut(line, &mut into).map_err(|fault| fault.code)?;
        Ok(into.iter().filter_map(|span| span.plain(line)).map(str::to_owned).collect())
    }

    #[test]
    fn places_count_characters_and_lines_may_end_early() {
        let undeclared = places(WidthUnit::Undeclared, Drift::Error);
        assert_eq!(cut(&undeclared, "abcdef1234xyz").unwrap(), ["abcdef", "1234", "xyz"]);
        assert_eq!(cut(&undeclared, "äbc     12").unwrap(), ["äbc   ", "  12", ""]);
        assert_eq!(cut(&undeclared, "").unwrap(), ["", "", ""]);
        assert_eq!(cut(&undeclared, "abcdef1234xyzt"), Err(Code::TooManyFields));
    }

    #[test]
    fn wide_characters_need_a_declared_unit_unless_only_one_fits() {
        let undeclared = places(WidthUnit::Undeclared, Drift::Error);
        // Padded by columns, or by characters and trimmed: nobody can tell.
        assert_eq!(cut(&undeclared, "東京    12 xy"), Err(Code::BadWidth));
        assert_eq!(cut(&undeclared, "東京  1234xyz"), Err(Code::BadWidth));
        // Padded by characters: as long as the places, and too wide for them.
        assert_eq!(cut(&undeclared, "東京    1234xyz").unwrap(), ["東京    ", "1234", "xyz"]);
        // Too wide alone may be a value that is too long for its place, and the length alone a line whose blanks were cut or added.
        assert_eq!(cut(&undeclared, "東京都庁前駅1234x"), Err(Code::BadWidth));
        assert_eq!(cut(&undeclared, "東京  1234xy   "), Err(Code::BadWidth));
        assert_eq!(cut(&undeclared, "e\u{301}     1234xyz"), Err(Code::BadWidth));
        // Nothing is behind it that could be shifted.
        assert_eq!(cut(&undeclared, "abcdef1234東").unwrap(), ["abcdef", "1234", "東"]);
        let ignoring = places(WidthUnit::Undeclared, Drift::IgnoreExtra);
        assert_eq!(cut(&ignoring, "東京    12 xyz and more"), Err(Code::BadWidth));
    }

    #[test]
    fn columns_are_counted_where_they_are_declared() {
        let columns = places(WidthUnit::Columns, Drift::Error);
        assert_eq!(cut(&columns, "東京  1234xyz").unwrap(), ["東京  ", "1234", "xyz"]);
        assert_eq!(cut(&columns, "東京  12").unwrap(), ["東京  ", "12", ""]);
        assert_eq!(cut(&columns, "e\u{301}bc   1234xyz").unwrap(), ["e\u{301}bc   ", "1234", "xyz"]);
        assert_eq!(cut(&columns, "abcdee\u{301}1234xyz").unwrap(), ["abcdee\u{301}", "1234", "xyz"]);
        assert_eq!(cut(&columns, "abcde東234xyz"), Err(Code::BadWidth));
        assert_eq!(cut(&columns, "東京    1234xyz"), Err(Code::TooManyFields));
        let characters = places(WidthUnit::Characters, Drift::Error);
        assert_eq!(cut(&characters, "東京    12").unwrap(), ["東京    ", "12", ""]);
    }
}
