//! The files: a history over 36 months, a day, and corrections of the history.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duckdb::Connection;

/// The day that comes after the history, in the middle of a month that has sales already.
pub const DAY: u32 = 20_241_216;

/// Of so many sales one is corrected.
const CORRECTED: u64 = 100;

/// The files.
pub struct Inputs {
    folder: PathBuf,
}

impl Inputs {
    /// Writes the files, unless they are there.
    pub fn ensure(folder: &Path, sales: u64, day: u64) -> Result<Self> {
        let inputs = Self { folder: folder.join(format!("{sales}-{day}")) };
        if inputs.folder.exists() {
            return Ok(inputs);
        }
        let draft = folder.join("draft");
        std::fs::create_dir_all(&draft).with_context(|| format!("cannot make {}", draft.display()))?;
        let conn = Connection::open_in_memory()?;
        let write = |name: &str, select: &str| -> Result<()> {
            let path = draft.join(name);
            conn.execute_batch(&format!("copy ({select}) to '{}' (header)", path.display()))
                .with_context(|| format!("cannot write {}", path.display()))
        };
        // 2022-01-01 to 2024-12-15, evenly.
        let history = format!("timestamp '2022-01-01' + to_seconds(i * 93312000 // {sales})");
        write("sales_history.csv", &format!("{} from range({sales}) as r (i)", columns(&history, 0)))?;
        write(
            "sales_tomorrow.csv",
            &format!(
                "{} from range({sales}, {}) as r (i)",
                columns(&format!("timestamp '2024-12-16' + to_seconds((i - {sales}) * 86400 // {day})"), 0),
                sales + day
            ),
        )?;
        write(
            "sales_z_corrections.csv",
            &format!("{} from range(7, {sales}, {CORRECTED}) as r (i)", columns(&history, 1)),
        )?;
        std::fs::rename(&draft, &inputs.folder).with_context(|| format!("cannot rename {}", draft.display()))?;
        Ok(inputs)
    }

    /// The history.
    pub fn history(&self) -> PathBuf {
        self.folder.join("sales_history.csv")
    }

    /// The day.
    pub fn day(&self) -> PathBuf {
        self.folder.join("sales_tomorrow.csv")
    }

    /// The corrections.
    pub fn corrections(&self) -> PathBuf {
        self.folder.join("sales_z_corrections.csv")
    }
}

/// A sale line from its number `i`: three lines an order, 50,000 customers, 2,000 products, 12 stores.
fn columns(sold_at: &str, more: u32) -> String {
    format!(
        "select 'T' || lpad(i::varchar, 9, '0') as \"Transaction ID\", 'O' || lpad((i // 3)::varchar, 8, '0') as \"Order ID\",
             strftime({sold_at}, '%Y-%m-%d %H:%M:%S') as \"Sold At\",
             'C' || lpad(((i // 3) * 48271 % 2147483647 % 50000)::varchar, 5, '0') as \"Customer ID\",
             'Customer ' || ((i // 3) * 48271 % 2147483647 % 50000) as \"Customer Name\",
             'P' || lpad((i * 16807 % 2147483647 % 2000)::varchar, 4, '0') as \"Product ID\",
             'Product ' || (i * 16807 % 2147483647 % 2000) as \"Product\",
             'Category ' || (i * 16807 % 2147483647 % 2000 % 8) as \"Category\",
             ['North', 'South', 'East', 'West'][1 + i // 3 % 4] as \"Region\",
             'City ' || (i // 3 % 12) as \"City\", 'Store ' || (i // 3 % 12) as \"Store\",
             1 + i % 5 + {more} as \"Quantity\",
             cast(1 + i * 16807 % 2147483647 % 2000 as decimal(18, 2)) / 4 as \"Unit Price\",
             cast(((1 + i % 5 + {more}) * (1 + i * 16807 % 2147483647 % 2000)) as decimal(18, 2)) / 4 as \"Revenue\",
             cast(((1 + i % 5 + {more}) * (1 + i * 16807 % 2147483647 % 2000)) as decimal(18, 2)) / 8 as \"Cost\""
    )
}
