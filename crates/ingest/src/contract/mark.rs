//! Byte order marks. At the start of a file a mark proves the encoding, so a contract that declares another one is refused.

use super::encoding::{ByteOrder, Encoding};

/// U+FEFF in UTF-8.
pub const UTF8: &[u8] = b"\xEF\xBB\xBF";

/// How many bytes tell every mark from the others.
pub const LONGEST: usize = 4;

/// A mark at the start of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Of UTF-8.
    Utf8,
    /// Of UTF-16.
    Utf16(ByteOrder),
    /// Of UTF-32, in either order.
    Utf32,
    /// Of GB18030.
    Gb18030,
}

impl Mark {
    /// The mark with which a file begins.
    pub fn of(start: &[u8]) -> Option<Self> {
        Some(match start {
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Self::Utf32,
            [0xFF, 0xFE, ..] => Self::Utf16(ByteOrder::Little),
            [0xFE, 0xFF, ..] => Self::Utf16(ByteOrder::Big),
            [0xEF, 0xBB, 0xBF, ..] => Self::Utf8,
            [0x84, 0x31, 0x95, 0x33, ..] => Self::Gb18030,
            _ => return None,
        })
    }

    /// Why a file with this mark does not fit the encoding that its contract declares, if it does not.
    pub fn contradiction(self, declared: &Encoding) -> Option<String> {
        let fits = match (self, declared) {
            (Self::Utf8, Encoding::Utf8) => true,
            (Self::Utf16(_), Encoding::Utf16(ByteOrder::Marked)) => true,
            (Self::Utf16(found), Encoding::Utf16(order)) => found == *order,
            (Self::Gb18030, Encoding::MultiByte(encoding)) => {
                *encoding == encoding_rs::GB18030 || *encoding == encoding_rs::GBK
            }
            _ => false,
        };
        let (name, advice) = match self {
            Self::Utf8 => ("UTF-8", "set encoding = \"utf-8\""),
            Self::Utf16(ByteOrder::Big) if matches!(declared, Encoding::Utf16(_)) => {
                ("UTF-16BE", "set encoding = \"utf-16\"")
            }
            Self::Utf16(_) if matches!(declared, Encoding::Utf16(_)) => ("UTF-16LE", "set encoding = \"utf-16\""),
            Self::Utf16(_) => ("UTF-16", "set encoding = \"utf-16\""),
            Self::Utf32 => ("UTF-32, which is not read", "save the file as UTF-8"),
            Self::Gb18030 => ("GB18030", "set encoding = \"gb18030\""),
        };
        (!fits).then(|| format!("it begins with the byte order mark of {name}; {advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_fits_its_own_encoding_only() {
        let encodings = ["utf-8", "utf-16", "utf-16le", "utf-16be", "windows-1252", "shift_jis", "gb18030"];
        let cases: [(&[u8], &[&str]); 6] = [
            (b"\xEF\xBB\xBFa", &["utf-8"]),
            (b"\xFF\xFEa\0", &["utf-16", "utf-16le"]),
            (b"\xFE\xFF\0a", &["utf-16", "utf-16be"]),
            (b"\xFF\xFE\0\0a", &[]),
            (b"\x84\x31\x95\x33a", &["gb18030"]),
            (b"a,b\n", &encodings),
        ];
        for (start, fitting) in cases {
            let fits = |name: &&str| {
                let encoding = Encoding::parse(name).unwrap();
                Mark::of(start).and_then(|mark| mark.contradiction(&encoding)).is_none()
            };
            assert_eq!(encodings.into_iter().filter(|name| fits(name)).collect::<Vec<_>>(), fitting, "{start:?}");
        }
    }
}
