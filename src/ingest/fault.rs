//! What can be wrong with a field or a record.

/// Why a field or a record was refused. The names stand in `rejects.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// A number, but not without loss in this type: `19.999` in `decimal(…,2)`, `2.7` in `integer`.
    NotExact,
    /// Not a number at all.
    NotANumber,
    /// Not a day or moment in any declared format, or one that does not exist.
    BadDate,
    /// Not a truth value.
    BadBoolean,
    /// Outside `min`/`max`, or too large for the type.
    OutOfRange,
    /// Absent where a value is required.
    Required,
    /// More fields than the header.
    TooManyFields,
    /// Fewer fields than the header.
    TooFewFields,
    /// Bytes that are not in the declared encoding.
    BadEncoding,
    /// A NUL byte.
    NulByte,
    /// Text after a closing quote.
    BadQuote,
    /// A quote that is never closed.
    UnclosedQuote,
    /// A record longer than the reader holds.
    RecordTooLong,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NotExact,
        Self::NotANumber,
        Self::BadDate,
        Self::BadBoolean,
        Self::OutOfRange,
        Self::Required,
        Self::TooManyFields,
        Self::TooFewFields,
        Self::BadEncoding,
        Self::NulByte,
        Self::BadQuote,
        Self::UnclosedQuote,
        Self::RecordTooLong,
    ];

    /// The name in `rejects.code`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotExact => "not_exact",
            Self::NotANumber => "not_a_number",
            Self::BadDate => "bad_date",
            Self::BadBoolean => "bad_boolean",
            Self::OutOfRange => "out_of_range",
            Self::Required => "required",
            Self::TooManyFields => "too_many_fields",
            Self::TooFewFields => "too_few_fields",
            Self::BadEncoding => "bad_encoding",
            Self::NulByte => "nul_byte",
            Self::BadQuote => "bad_quote",
            Self::UnclosedQuote => "unclosed_quote",
            Self::RecordTooLong => "record_too_long",
        }
    }
}

/// One thing wrong with a field or a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub code: Code,
    /// In words, for the person who repairs the file.
    pub reason: String,
}

impl Fault {
    /// A fault in words.
    pub fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}
