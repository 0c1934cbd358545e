//! Results as JUnit XML, which every CI server reads.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use salesmart_base::failure::Failure;
use salesmart_base::whole_file;

use super::case::{Case, Kind, Outcome};

/// Writes the results to a file; its folder is made if it is not there.
pub fn write(path: &Path, cases: &[Case]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::new(format!("cannot make the folder {}: {error}", folder.display())))?;
    }
    let xml = xml(cases)?;
    whole_file::write(path, xml)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())).into())
}

fn xml(cases: &[Case]) -> Result<String> {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    writeln!(xml, "<testsuites name=\"salesmart\" {}>", counts(cases.iter()))?;
    for kind in Kind::ALL {
        let of_kind = || cases.iter().filter(move |case| case.kind == kind);
        if of_kind().next().is_none() {
            continue;
        }
        writeln!(xml, "  <testsuite name=\"{}\" {}>", kind.suite(), counts(of_kind()))?;
        for case in of_kind() {
            write!(
                xml,
                "    <testcase classname=\"{}.{}\" name=\"{}\" file=\"{}\" time=\"{:.3}\"",
                kind.suite(),
                escaped(&case.subject),
                escaped(case.name.as_ref().unwrap_or(&case.subject)),
                escaped(&case.file),
                case.elapsed.as_secs_f64()
            )?;
            match &case.outcome {
                Outcome::Passed => writeln!(xml, "/>")?,
                Outcome::Failed(detail) => {
                    let message = escaped(detail.lines().next().unwrap_or_default());
                    let text = escaped(detail);
                    writeln!(xml, ">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>")?;
                }
                Outcome::Warned(detail) | Outcome::Written(detail) => {
                    let text = escaped(detail);
                    writeln!(xml, ">\n      <system-out>{text}</system-out>\n    </testcase>")?;
                }
            }
        }
        writeln!(xml, "  </testsuite>")?;
    }
    writeln!(xml, "</testsuites>")?;
    Ok(xml)
}

/// `tests="3" failures="1" time="0.012"`
fn counts<'c>(cases: impl Iterator<Item = &'c Case> + Clone) -> String {
    let failures = cases.clone().filter(|case| case.outcome.is_failure()).count();
    let time: Duration = cases.clone().map(|case| case.elapsed).sum();
    format!("tests=\"{}\" failures=\"{failures}\" time=\"{:.3}\"", cases.count(), time.as_secs_f64())
}

/// Text for an element or an attribute. XML has no way to write most control characters, so they are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{FFFE}' | '\u{FFFF}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
