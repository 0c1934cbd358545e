//! Whether a key may occur twice among the records of a run. Asking DuckDB takes a tenth of the time of a whole ingest; hashing the keys
//! while their records are cast takes a hundredth, and answers for most files.

use duckdb::arrow::array::{Array, ArrayRef, AsArray};
use duckdb::arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use duckdb::arrow::record_batch::RecordBatch;

/// Maximum number of hashes that are kept: 32 MB. Of more records DuckDB is asked.
const MAX_HASHES: usize = 4 << 20;

/// About as many hashes are compared at once.
const PART_HASHES: usize = 4096;

/// Hashes of the keys of records.
#[derive(Debug, Clone)]
pub enum KeyHashes {
    /// One for each record with a key.
    Each(Vec<u64>),
    /// There were more than are kept.
    TooMany,
}

impl Default for KeyHashes {
    fn default() -> Self {
        Self::Each(Vec::new())
    }
}

impl KeyHashes {
    /// Adds those of more records.
    pub fn append(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::Each(hashes), Self::Each(more)) if hashes.len() + more.len() <= MAX_HASHES => {
                if hashes.is_empty() {
                    *hashes = more;
                } else {
                    hashes.extend_from_slice(&more);
                }
            }
            _ => *self = Self::TooMany,
        }
    }

    /// Whether no record has a key.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Each(hashes) if hashes.is_empty())
    }

    /// Whether a key may occur twice. If it does, the answer is yes.
    pub fn may_repeat(&self) -> bool {
        let Self::Each(hashes) = self else { return true };
        // One table for all is larger than the processor's cache, and a place in it costs a look at memory.
        let parts = (hashes.len() / PART_HASHES).next_power_of_two();
        let part_of = |hash: u64| (hash >> 32) as usize & (parts - 1);
        let mut ends = vec![0_usize; parts];
        hashes.iter().for_each(|hash| ends[part_of(*hash)] += 1);
        let mut end = 0;
        for part in &mut ends {
            (*part, end) = (end, end + *part);
        }
        let mut parted = vec![0_u64; hashes.len()];
        for hash in hashes {
            let place = &mut ends[part_of(*hash)];
            parted[*place] = *hash;
            *place += 1;
        }
        let (mut table, mut start) = (Vec::new(), 0);
        ends.iter().any(|end| {
            let part = &parted[start..*end];
            start = *end;
            has_repeated(part, &mut table)
        })
    }
}

/// Whether a hash occurs twice. `table` is a table of open addresses, at most half full; 0 is a free place.
fn has_repeated(hashes: &[u64], table: &mut Vec<u64>) -> bool {
    let places = (hashes.len() * 2).next_power_of_two();
    table.clear();
    table.resize(places, 0);
    hashes.iter().any(|hash| {
        let hash = (*hash).max(1);
        let mut at = hash as usize & (places - 1);
        while table[at] != 0 && table[at] != hash {
            at = (at + 1) & (places - 1);
        }
        std::mem::replace(&mut table[at], hash) == hash
    })
}

/// Hashes the values that each row has in these columns. A row without one of them has no key.
pub fn of_batch(batch: &RecordBatch, columns: &[usize]) -> KeyHashes {
    if columns.is_empty() {
        return KeyHashes::default();
    }
    let columns: Vec<&ArrayRef> = columns.iter().map(|index| batch.column(*index)).collect();
    let mut hashes = vec![SEED; batch.num_rows()];
    columns.iter().for_each(|column| add(column, &mut hashes));
    if columns.iter().any(|column| column.null_count() > 0) {
        let mut row = 0;
        hashes.retain(|_| {
            row += 1;
            columns.iter().all(|column| column.is_valid(row - 1))
        });
    }
    KeyHashes::Each(hashes)
}

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Adds the values of a column to the hashes of its rows. What NULLs add does not matter.
fn add(column: &ArrayRef, hashes: &mut [u64]) {
    macro_rules! numbers {
        ($kind:ty) => {
            for (hash, value) in hashes.iter_mut().zip(column.as_primitive::<$kind>().values()) {
                *hash = mixed(*hash, *value as u64);
            }
        };
    }
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            let bytes = texts.value_data();
            for (hash, range) in hashes.iter_mut().zip(texts.value_offsets().windows(2)) {
                *hash = with_bytes(*hash, &bytes[range[0] as usize..range[1] as usize]);
            }
        }
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::Date32 => numbers!(Date32Type),
        DataType::Timestamp(..) => numbers!(TimestampMicrosecondType),
        // Numbers that differ above 64 bits only share a hash, and DuckDB is asked.
        DataType::Decimal128(..) => numbers!(Decimal128Type),
        // Two values of a boolean share a hash.
        _ => {}
    }
}

fn with_bytes(mut hash: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        hash = mixed(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // The length tells a text from one with NULs behind it.
    mixed(mixed(hash, u64::from_le_bytes(last)), text.len() as u64)
}

fn mixed(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(0xA24B_AED4_963E_E407_u64);
    (product as u64) ^ ((product >> 64) as u64) ^ SEED
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use duckdb::arrow::array::{Int64Array, StringArray};
    use duckdb::arrow::datatypes::{Field, Schema};

    use super::*;

    fn hashes(texts: &[Option<&str>], numbers: &[i64]) -> KeyHashes {
        let schema = Schema::new(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Int64, true)]);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(texts.to_vec())), Arc::new(Int64Array::from(numbers.to_vec()))];
        of_batch(&RecordBatch::try_new(Arc::new(schema), columns).unwrap(), &[0, 1])
    }

    #[test]
    fn keys_that_repeat_are_found_in_one_batch_and_across_batches() {
        let different = hashes(&[Some("T1"), Some("T1"), Some("T10"), Some("a long key, 1")], &[1, 2, 1, 1]);
        assert!(!different.may_repeat());
        assert!(hashes(&[Some("T1"), Some("T2"), Some("T1")], &[1, 1, 1]).may_repeat());
        let mut both = different.clone();
        both.append(hashes(&[Some("a long key, 2")], &[1]));
        assert!(!both.may_repeat());
        both.append(hashes(&[Some("a long key, 1")], &[1]));
        assert!(both.may_repeat());
    }

    #[test]
    fn a_record_without_a_key_repeats_none() {
        assert!(!hashes(&[None, None, Some("")], &[1, 1, 1]).may_repeat());
    }

    #[test]
    fn too_many_keys_may_repeat() {
        let mut many = KeyHashes::Each(vec![1; MAX_HASHES]);
        many.append(KeyHashes::Each(vec![2]));
        assert!(matches!(many, KeyHashes::TooMany) && many.may_repeat());
    }

    #[test]
    fn a_million_keys_have_a_million_hashes() {
        let keys: Vec<String> = (0..1_000_000).map(|number| format!("T{number:07}")).collect();
        let texts: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
        assert!(!hashes(&texts, &vec![7; keys.len()]).may_repeat());
    }
}
