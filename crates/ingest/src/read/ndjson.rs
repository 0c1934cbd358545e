//! Lines of JSON: one object per record, numbers as they are written.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::split::Cell;
use crate::cast::fault::{Code, Fault};

/// The members of one object, in its order; values are not read yet, so that no digit is lost.
pub struct Object<'r> {
    members: Vec<(Cow<'r, str>, &'r RawValue)>,
    /// Numbers of the members by name, where there are so many that searching all of them takes longer.
    sorted: Vec<usize>,
}

/// Objects with more members are searched by name.
const SEARCHED_IN_ORDER: usize = 32;

impl<'r> Object<'r> {
    /// Reads one line.
    ///
    /// # Errors
    /// A fault: not an object, or a name that occurs twice.
    pub fn parse(line: &'r str) -> Result<Self, Fault> {
        let mut object: Self = serde_json::from_str(line)
            .map_err(|error| Fault::new(Code::BadJson, format!("this is no JSON object: {}", in_words(&error))))?;
        let members = &object.members;
        let name = |number: usize| members[number].0.as_ref();
        let twice = if members.len() > SEARCHED_IN_ORDER {
            object.sorted = (0..members.len()).collect();
            object.sorted.sort_by_key(|number| name(*number));
            let pairs = object.sorted.windows(2).filter(|pair| name(pair[0]) == name(pair[1]));
            pairs.map(|pair| pair[1]).min()
        } else {
            (0..members.len()).find(|number| (0..*number).any(|other| name(other) == name(*number)))
        };
        match twice {
            Some(number) => Err(Fault::new(Code::BadJson, format!("the name \"{}\" occurs twice", name(number)))),
            None => Ok(object),
        }
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_ref())
    }

    /// The cell of the first of these names that is there; `null` is absent.
    pub fn cell(&self, names: &[String]) -> Cell<'r> {
        let number = if self.sorted.is_empty() {
            self.members.iter().position(|(name, _)| names.iter().any(|known| known == name))
        } else {
            let search = |name: &String| {
                let found = self.sorted.binary_search_by_key(&name.as_str(), |number| self.members[*number].0.as_ref());
                found.ok().map(|place| self.sorted[place])
            };
            names.iter().filter_map(search).min()
        };
        let Some(value) = number.map(|number| self.members[number].1) else { return Cell::Absent };
        match value.get() {
            "null" => Cell::Absent,
            text if text.starts_with('"') => match serde_json::from_str::<String>(text) {
                Ok(text) if text.contains('\0') => {
                    Cell::Bad(Fault::new(Code::NulByte, "the text holds NUL"), text.replace('\0', "\\x00"))
                }
                Ok(text) => Cell::Text(Cow::Owned(text)),
                Err(error) => {
                    let reason = format!("this is no JSON string: {}", in_words(&error));
                    Cell::Bad(Fault::new(Code::BadJson, reason), text.to_owned())
                }
            },
            text => Cell::Typed(Cow::Borrowed(text)),
        }
    }
}

/// The error without a line number: the record is one line, and has its own.
fn in_words(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} (character {})", error.column()),
        None => message,
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(name), value));
                }
                Ok(Object { members, sorted: Vec::new() })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_doubled_names_are_refused() {
        let object = Object::parse(r#"{"a": 0.10000000000000000000001, "b": "x\ny", "c": null, "d": [1]}"#).unwrap();
        let cell = |name: &str| format!("{:?}", object.cell(&[name.to_owned()]));
        assert_eq!(cell("a"), "Typed(\"0.10000000000000000000001\")");
        assert_eq!(cell("b"), "Text(\"x\\ny\")");
        assert_eq!(cell("c"), "Absent");
        assert_eq!(cell("e"), "Absent");
        assert_eq!(cell("d"), "Typed(\"[1]\")");
        for line in ["[1]", "{\"a\":1", "{\"a\":1,\"a\":2}", "x", "{} {}"] {
            assert!(Object::parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn objects_with_many_members_are_read_alike() {
        let members: Vec<String> = (0..200).map(|number| format!("\"n{}\":{number}", number * 7 % 200)).collect();
        let line = format!("{{{}}}", members.join(","));
        let object = Object::parse(&line).unwrap();
        for number in 0..200 {
            let names = [format!("n{}", number * 7 % 200), "absent".to_owned()];
            assert_eq!(format!("{:?}", object.cell(&names)), format!("Typed(\"{number}\")"));
        }
        // The first in the object's order, whatever the order of the names.
        let both = |one: &str, other: &str| format!("{:?}", object.cell(&[one.to_owned(), other.to_owned()]));
        assert_eq!(both("n7", "n14"), both("n14", "n7"));
        let twice = Object::parse(&line.replace("\"n21\"", "\"n7\"")).err().unwrap();
        assert!(twice.reason.contains("\"n7\" occurs twice"), "{}", twice.reason);
    }
}
