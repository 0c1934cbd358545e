//! Rows of a file that are no records, counted by kind.

/// How many rows were passed over, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Lines above the header.
    pub preamble: u64,
    /// Comment lines.
    pub comment: u64,
    /// Empty lines, and rows of empty fields where the contract skips them.
    pub blank: u64,
    /// Records equal to the header.
    pub repeated_header: u64,
    /// Footer rows.
    pub footer: u64,
}

impl Skipped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.preamble + self.comment + self.blank + self.repeated_header + self.footer
    }

    /// Adds those of another file.
    pub fn add(&mut self, other: &Self) {
        self.preamble += other.preamble;
        self.comment += other.comment;
        self.blank += other.blank;
        self.repeated_header += other.repeated_header;
        self.footer += other.footer;
    }
}

/// `3 rows skipped (1 blank, 2 footer)`; nothing if there are none.
impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [
            (self.preamble, "above the header"),
            (self.comment, "comment"),
            (self.blank, "blank"),
            (self.repeated_header, "repeated header"),
            (self.footer, "footer"),
        ];
        let parts: Vec<String> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
        match self.total() {
            0 => Ok(()),
            1 => write!(f, "1 row skipped ({})", parts.join(", ")),
            total => write!(f, "{total} rows skipped ({})", parts.join(", ")),
        }
    }
}
