//! What can be wrong with a field or a record.

/// Why a field or a record was refused. The names stand in `rejects.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A number, but not without loss in this type: `19.999` in `decimal(…,2)`, `2.7` in `integer`.
    NotExact,
    /// Not a number at all.
    NotANumber,
    /// Not a day or moment in any declared format, or one that does not exist.
    BadDate,
    /// One moment in one declared format and another in another.
    AmbiguousDate,
    /// Not a truth value.
    BadBoolean,
    /// Outside `min`/`max`, or too large for the type.
    OutOfRange,
    /// Not among the allowed values.
    NotAllowed,
    /// Does not match the column's regular expression.
    NoMatch,
    /// Too few or too many characters.
    BadLength,
    /// Absent where a value is required.
    Required,
    /// More fields than the header.
    TooManyFields,
    /// Fewer fields than the header.
    TooFewFields,
    /// A key that an earlier record of the file has.
    Duplicate,
    /// A line of fixed places that holds characters of another width than one column, where that makes a difference.
    BadWidth,
    /// A line that is no JSON object.
    BadJson,
    /// A name in a JSON object that the contract does not know.
    UnknownField,
    /// Bytes that are not in the declared encoding.
    BadEncoding,
    /// A NUL byte.
    NulByte,
    /// Text after a closing quote, a quote in a field without quotes, or blanks between a delimiter and a quote.
    BadQuote,
    /// An escape without a declared meaning.
    BadEscape,
    /// A quote that is never closed.
    UnclosedQuote,
    /// A record longer than the reader holds.
    RecordTooLong,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::NotExact,
        Self::NotANumber,
        Self::BadDate,
        Self::AmbiguousDate,
        Self::BadBoolean,
        Self::OutOfRange,
        Self::NotAllowed,
        Self::NoMatch,
        Self::BadLength,
        Self::Required,
        Self::TooManyFields,
        Self::TooFewFields,
        Self::Duplicate,
        Self::BadWidth,
        Self::BadJson,
        Self::UnknownField,
        Self::BadEncoding,
        Self::NulByte,
        Self::BadQuote,
        Self::BadEscape,
        Self::UnclosedQuote,
        Self::RecordTooLong,
    ];

    /// The code of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// The name in `rejects.code`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotExact => "not_exact",
            Self::NotANumber => "not_a_number",
            Self::BadDate => "bad_date",
            Self::AmbiguousDate => "ambiguous_date",
            Self::BadBoolean => "bad_boolean",
            Self::OutOfRange => "out_of_range",
            Self::NotAllowed => "not_allowed",
            Self::NoMatch => "no_match",
            Self::BadLength => "bad_length",
            Self::Required => "required",
            Self::TooManyFields => "too_many_fields",
            Self::TooFewFields => "too_few_fields",
            Self::Duplicate => "duplicate",
            Self::BadWidth => "bad_width",
            Self::BadJson => "bad_json",
            Self::UnknownField => "unknown_field",
            Self::BadEncoding => "bad_encoding",
            Self::NulByte => "nul_byte",
            Self::BadQuote => "bad_quote",
            Self::BadEscape => "bad_escape",
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
