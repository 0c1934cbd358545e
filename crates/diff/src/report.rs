//! A comparison as a whole: its summary, its JSON, and an error for those who want no difference.

use anyhow::Result;
use salesmart_base::count::{counted, grouped};
use salesmart_base::fail;
use serde_json::Value;

use super::{Against, Outcome};

/// Longer values of samples are cut here.
const LONGEST: usize = 48;

impl Outcome {
    /// One line for all models.
    pub fn summary(&self) -> String {
        match self.models.is_empty() {
            true => {
                let same = counted(self.same.len() as u64, "model");
                format!("no differences: {same} compared with {}", self.other_side())
            }
            false => format!("{}, {} the same", self.how_many_differ(), grouped(self.same.len() as u64)),
        }
    }

    /// An error for those who want none to differ.
    ///
    /// # Errors
    /// Some do.
    pub fn refuse(&self) -> Result<()> {
        if self.models.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.models.iter().map(|diff| diff.model.as_str()).collect();
        fail!("{}: {}", self.how_many_differ(), names.join(", "))
    }

    /// `2 models differ from what is published`
    fn how_many_differ(&self) -> String {
        let verb = if self.models.len() == 1 { "differs" } else { "differ" };
        format!("{} {verb} from {}", counted(self.models.len() as u64, "model"), self.other_side())
    }

    fn other_side(&self) -> String {
        match &self.against {
            Against::Published => "what is published".to_owned(),
            Against::Postgres => "what PostgreSQL holds".to_owned(),
            Against::Revision(revision) => format!("the models as of {revision}"),
        }
    }

    /// One JSON document.
    pub fn json(&self) -> Result<String> {
        let mut document = serde_json::to_value(self)?;
        if let Value::Object(fields) = &mut document {
            fields.insert("differs".to_owned(), Value::Bool(!self.models.is_empty()));
        }
        Ok(document.to_string())
    }
}

/// A value in one line: `NULL`, `''`, or the value, cut if it is long.
pub fn shown(value: &Option<String>) -> String {
    let Some(value) = value else { return "NULL".to_owned() };
    if value.is_empty() {
        return "''".to_owned();
    }
    let escaped: String = value
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    match escaped.chars().count() > LONGEST {
        true => escaped.chars().take(LONGEST - 1).chain(['…']).collect(),
        false => escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_one_line() {
        assert_eq!(shown(&None), "NULL");
        assert_eq!(shown(&Some(String::new())), "''");
        assert_eq!(shown(&Some("a\nb\x1b[31m".to_owned())), "a\\nb\\u{1b}[31m");
        assert_eq!(shown(&Some("ä".repeat(60))).chars().count(), LONGEST);
    }
}
