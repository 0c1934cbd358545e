//! What the values of a Parquet column are, by the file's own schema.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::Type;

/// How a column's stored values are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A column of nulls, whose type the file does not say.
    Absent,
    /// `true`, `false`.
    Boolean,
    /// An integer.
    Signed,
    /// An integer whose bits are those of an unsigned one.
    Unsigned,
    /// A whole number of units of ten to the minus this, in an integer or in bytes, the highest first.
    Decimal(u32),
    /// A binary fraction of 32 or 64 bits.
    Float,
    /// A binary fraction of 16 bits.
    Half,
    /// Text.
    Text,
    /// Days since 1970-01-01.
    Day,
    /// Time of day.
    Time(Unit),
    /// Moment.
    Moment(Unit, Clock),
    /// The moment of 12 bytes that older programs write: nanoseconds of the day, and the Julian day.
    Int96,
    /// UUID.
    Uuid,
}

/// What a time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    /// Length of one unit in nanoseconds.
    pub fn nanos(self) -> i128 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    fn of(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::MILLIS => Self::Millis,
            TimeUnit::MICROS => Self::Micros,
            TimeUnit::NANOS => Self::Nanos,
        }
    }
}

/// Whose clock a moment is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// A clock on some wall.
    Wall,
    /// UTC.
    Utc,
    /// The file does not say.
    Unsaid,
}

impl Kind {
    /// Whose clock the moments of the column are read from, if it holds moments.
    pub fn clock(self) -> Option<Clock> {
        match self {
            Self::Moment(_, clock) => Some(clock),
            Self::Int96 => Some(Clock::Unsaid),
            _ => None,
        }
    }

    /// The kind of a column of the schema; `None` if no contract type holds its values.
    pub fn of(field: &Type) -> Option<Self> {
        let Type::PrimitiveType { basic_info, physical_type, type_length, scale, .. } = field else { return None };
        if basic_info.repetition() == Repetition::REPEATED {
            return None;
        }
        let (physical, length) = (*physical_type, *type_length);
        match basic_info.logical_type_ref() {
            Some(logical) => Self::of_logical(logical, physical, length),
            None => Self::of_converted(basic_info.converted_type(), physical, *scale),
        }
    }

    fn of_logical(logical: &LogicalType, physical: Physical, length: i32) -> Option<Self> {
        let is_bytes = physical == Physical::BYTE_ARRAY;
        let (is_int32, is_int64) = (physical == Physical::INT32, physical == Physical::INT64);
        match logical {
            LogicalType::String | LogicalType::Enum | LogicalType::Json => is_bytes.then_some(Self::Text),
            LogicalType::Decimal { scale, .. } => Self::decimal(*scale, physical),
            LogicalType::Date => is_int32.then_some(Self::Day),
            // The time of day of some zone, which contracts do not have.
            LogicalType::Time { is_adjusted_to_u_t_c: true, .. } => None,
            LogicalType::Time { unit, .. } => match unit {
                TimeUnit::MILLIS => is_int32.then_some(Self::Time(Unit::Millis)),
                unit => is_int64.then_some(Self::Time(Unit::of(*unit))),
            },
            LogicalType::Timestamp { is_adjusted_to_u_t_c, unit } => {
                let clock = if *is_adjusted_to_u_t_c { Clock::Utc } else { Clock::Wall };
                is_int64.then_some(Self::Moment(Unit::of(*unit), clock))
            }
            LogicalType::Integer { is_signed, .. } => {
                (is_int32 || is_int64).then_some(if *is_signed { Self::Signed } else { Self::Unsigned })
            }
            LogicalType::Unknown => Some(Self::Absent),
            LogicalType::Uuid => (physical == Physical::FIXED_LEN_BYTE_ARRAY && length == 16).then_some(Self::Uuid),
            LogicalType::Float16 => (physical == Physical::FIXED_LEN_BYTE_ARRAY && length == 2).then_some(Self::Half),
            _ => None,
        }
    }

    /// Files without logical types have these. They do not say whose clock a moment is read from: by the letter it is UTC's, but
    /// programs that know no zones wrote what their own clock showed.
    fn of_converted(converted: ConvertedType, physical: Physical, scale: i32) -> Option<Self> {
        let is_bytes = physical == Physical::BYTE_ARRAY;
        let (is_int32, is_int64) = (physical == Physical::INT32, physical == Physical::INT64);
        match converted {
            ConvertedType::NONE => match physical {
                Physical::BOOLEAN => Some(Self::Boolean),
                Physical::INT32 | Physical::INT64 => Some(Self::Signed),
                Physical::INT96 => Some(Self::Int96),
                Physical::FLOAT | Physical::DOUBLE => Some(Self::Float),
                Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY => None,
            },
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON => is_bytes.then_some(Self::Text),
            ConvertedType::DECIMAL => Self::decimal(scale, physical),
            ConvertedType::DATE => is_int32.then_some(Self::Day),
            ConvertedType::TIME_MILLIS => is_int32.then_some(Self::Time(Unit::Millis)),
            ConvertedType::TIME_MICROS => is_int64.then_some(Self::Time(Unit::Micros)),
            ConvertedType::TIMESTAMP_MILLIS => is_int64.then_some(Self::Moment(Unit::Millis, Clock::Unsaid)),
            ConvertedType::TIMESTAMP_MICROS => is_int64.then_some(Self::Moment(Unit::Micros, Clock::Unsaid)),
            ConvertedType::INT_8 | ConvertedType::INT_16 | ConvertedType::INT_32 | ConvertedType::INT_64 => {
                (is_int32 || is_int64).then_some(Self::Signed)
            }
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                (is_int32 || is_int64).then_some(Self::Unsigned)
            }
            _ => None,
        }
    }

    fn decimal(scale: i32, physical: Physical) -> Option<Self> {
        let is_whole = matches!(
            physical,
            Physical::INT32 | Physical::INT64 | Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY
        );
        u32::try_from(scale).ok().filter(|scale| is_whole && *scale <= LARGEST_SCALE).map(Self::Decimal)
    }
}

/// No program writes decimals with more places.
const LARGEST_SCALE: u32 = 1_000;
