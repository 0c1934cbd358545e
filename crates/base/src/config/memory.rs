//! How much memory DuckDB may take before it spills to disk: `staging.memory_limit`, or what suits the machine.

mod available;

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::failure::Failure;

/// Below this DuckDB cannot hold the blocks that its threads work on, and gives up.
const LEAST: u64 = 100_000_000;

/// The default for up to four threads. With it, a build of 1,500,000 lines with 92,000 products and 400,000 customers spills.
const COMMON: u64 = 800_000_000;

/// A thread needs some 100 MB to work without giving up, and twice as much to work well.
const PER_THREAD: u64 = 200_000_000;

/// How the explanation begins.
const EXPLAINED: &str = "DuckDB needs more memory than it may take";

/// A memory limit, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryLimit {
    bytes: u64,
    /// As `salesmart.toml` has it.
    written: Option<String>,
}

impl MemoryLimit {
    /// The declared limit, or the default for so many threads: at most half of what the machine, or the control group of a container, has.
    /// The other half is for PostgreSQL, for the program itself and for the system's cache of files.
    pub(super) fn new(declared: Option<Size>, threads: Option<usize>) -> Self {
        let threads = threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
        match declared {
            Some(Size { bytes, written }) => Self { bytes, written: Some(written) },
            None => Self { bytes: default(threads as u64, available::bytes()), written: None },
        }
    }

    /// Bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether `salesmart.toml` says it.
    pub fn is_declared(&self) -> bool {
        self.written.is_some()
    }

    /// Puts in front of DuckDB's "out of memory" what is set and what to do. Other errors stay as they are.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let says = |text: fn(&str) -> bool| error.chain().any(|cause| text(&cause.to_string()));
        let is_it = says(|message| is_out_of_memory(message) && !is_temporary_storage_full(message));
        if !is_it || says(|message| message.starts_with(EXPLAINED)) {
            return error;
        }
        let has = available::bytes().map_or_else(String::new, |bytes| format!("; this machine has {}", size(bytes)));
        let advice = match self.is_declared() {
            true => "raise it",
            false => "set it to more",
        };
        error.context(Failure::new(format!(
            "{EXPLAINED}: {self}. In salesmart.toml, {advice} (section [staging]{has}), or use fewer \
             --threads. Nothing is lost: run again"
        )))
    }
}

/// The setting and its value: `staging.memory_limit = "500MB"`, or `staging.memory_limit is not set, which allows 800 MB`.
impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            Some(written) => write!(f, "staging.memory_limit = \"{written}\""),
            None => write!(f, "staging.memory_limit is not set, which allows {}", size(self.bytes)),
        }
    }
}

fn default(threads: u64, available: Option<u64>) -> u64 {
    let wanted = COMMON.max(threads * PER_THREAD);
    available.map_or(wanted, |bytes| wanted.min(bytes / 2)).max(LEAST)
}

/// Is it DuckDB's message that its memory, or its room for spilling, does not suffice?
pub fn is_out_of_memory(message: &str) -> bool {
    message.contains("Out of Memory Error")
}

/// DuckDB calls it "out of memory", too, when the disk that it spills to is full.
pub fn is_temporary_storage_full(message: &str) -> bool {
    message.contains("max_temp_directory_size")
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// A size such as `4GB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Size {
    bytes: u64,
    written: String,
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size in quotes, such as \"4GB\" or \"500MB\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                match parse(text) {
                    Ok(bytes) => Ok(Size { bytes, written: text.trim().to_owned() }),
                    Err(reason) => Err(E::custom(format!("\"{text}\" {reason}"))),
                }
            }
        }

        deserializer.deserialize_any(Text)
    }
}

/// Bytes of a size as DuckDB writes them: `500MB`, `1.5 GB`, `512MiB`.
fn parse(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("b", 1),
    ];
    const EXAMPLE: &str = "write it as \"4GB\", \"500MB\" or \"512MiB\"";
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("is not a size of memory; {EXAMPLE}"));
    };
    let bytes = match number.parse::<f64>() {
        Ok(number) if number.is_finite() => number * *factor as f64,
        _ => return Err(format!("is not a size of memory; {EXAMPLE}")),
    };
    // A petabyte: DuckDB counts in 64 bits with a sign, and sums.
    if bytes > 1e15 {
        return Err(format!("is more memory than a machine has; {EXAMPLE}"));
    }
    match bytes as u64 {
        bytes if bytes < LEAST => {
            Err(format!("is too little memory for DuckDB, which needs 100MB at least; {EXAMPLE}"))
        }
        bytes => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_e1_sizes_are_read_as_duckdb_reads_them_and_nonsense_is_refused() {
        let read = [
            ("500MB", 500_000_000),
            (" 500 mb ", 500_000_000),
            ("1.5GB", 1_500_000_000),
            ("512MiB", 512 << 20),
            ("2GiB", 2 << 30),
            ("100000000B", 100_000_000),
            ("0.5TB", 500_000_000_000),
        ];
        for (text, bytes) in read {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "lots", "500", "500M", "-1GB", "1e3GB", "GB", "1.2.3GB", "4 GB RAM", "80%", "∞GB"] {
            let error = parse(wrong).unwrap_err();
            assert!(error.starts_with("is not a size of memory; write it as \"4GB\""), "{wrong}: {error}");
        }
        for small in ["0GB", "5MB", "99.9MB", "1B"] {
            assert!(parse(small).unwrap_err().contains("needs 100MB at least"), "{small}");
        }
        assert!(parse("99999999TB").unwrap_err().contains("more memory than a machine has"));
    }

    #[test]
    fn field_e1_the_default_leaves_half_of_the_machine_to_postgresql_and_the_rest() {
        const GB: u64 = 1_000_000_000;
        assert_eq!(default(2, Some(24 * GB)), 800_000_000);
        assert_eq!(default(2, Some(GB)), 500_000_000);
        assert_eq!(default(16, Some(64 * GB)), 3_200_000_000);
        assert_eq!(default(16, Some(4 * GB)), 2 * GB);
        assert_eq!(default(2, None), 800_000_000);
        assert_eq!(default(2, Some(1)), LEAST);
    }

    #[test]
    fn field_e1_out_of_memory_names_the_key_and_its_value_and_a_full_disk_does_not() {
        let duckdb = || {
            anyhow::anyhow!("Out of Memory Error: failed to allocate data of size 16.0 MiB (476.8 MiB/476.8 MiB used)")
        };
        let declared = MemoryLimit::new(Some(Size { bytes: parse("500MB").unwrap(), written: "500MB".into() }), None);
        let said = declared.explain(duckdb().context("cannot build sql/marts/a.sql")).to_string();
        assert!(said.contains("staging.memory_limit = \"500MB\"") && said.contains("raise it"), "{said}");
        let default = MemoryLimit { bytes: 800_000_000, written: None };
        let said = default.explain(duckdb()).to_string();
        assert!(said.contains("staging.memory_limit is not set, which allows 800 MB"), "{said}");
        assert!(said.contains("set it to more"), "{said}");
        let full = "Out of Memory Error: failed to offload data block of size 256.0 KiB (9 GiB/9 GiB used).\nThis limit was set by the \
                    'max_temp_directory_size' setting.";
        assert_eq!(default.explain(anyhow::anyhow!(full)).to_string(), full);
        // Also where somebody has put it into words already; once.
        let wrapped = || anyhow::Error::from(Failure::new(format!("a.sql: the key cannot be checked: {}", duckdb())));
        let said = default.explain(default.explain(wrapped()));
        assert_eq!(said.chain().filter(|cause| cause.to_string().starts_with(EXPLAINED)).count(), 1, "{said:#}");
    }
}
