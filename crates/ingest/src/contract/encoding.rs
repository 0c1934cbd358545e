//! Encodings of text. Bytes that an encoding does not define are a fault of their record, never a `?`.
//!
//! One-byte encodings contain ASCII, so records are cut in the file's own bytes and each is decoded for itself.
//! UTF-16 and encodings with several bytes per character are turned into UTF-8 before they are cut; what is no character comes out
//! as bytes that are no UTF-8.

use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The encoding of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without byte order mark.
    Utf8,
    /// UTF-16.
    Utf16(ByteOrder),
    /// One byte per character.
    OneByte(Arc<CodePage>),
    /// One or several bytes per character, such as Shift_JIS.
    MultiByte(&'static encoding_rs::Encoding),
}

/// Which byte of a UTF-16 unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The byte order mark, which must be there, says.
    Marked,
    /// The low one.
    Little,
    /// The high one.
    Big,
}

/// The upper half of a one-byte encoding; the lower one is ASCII.
#[derive(Debug, PartialEq, Eq)]
pub struct CodePage {
    name: &'static str,
    /// The characters of the bytes 0x80 to 0xFF; `None` where there is none.
    upper: [Option<char>; 128],
}

/// Names a contract may use, for messages.
pub const KNOWN: &str = "utf-8, utf-16 (also utf-16le, utf-16be), windows-1252 (and 1250 to 1258), latin-1, \
                         iso-8859-2 to -16, cp437, cp850, cp852, cp858, cp866, koi8-r, macintosh, shift_jis (cp932), euc-jp, \
                         iso-2022-jp, euc-kr (cp949), gbk (gb2312, cp936), gb18030, big5 (cp950)";

impl Encoding {
    /// The encoding of this name; several spellings are known.
    pub fn parse(name: &str) -> Option<Self> {
        let plain: String = name.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match plain.as_str() {
            "utf8" | "utf8sig" | "ascii" | "usascii" => Self::Utf8,
            "utf16" => Self::Utf16(ByteOrder::Marked),
            "utf16le" => Self::Utf16(ByteOrder::Little),
            "utf16be" => Self::Utf16(ByteOrder::Big),
            // Not what the web calls latin1, which is windows-1252.
            "latin1" | "iso88591" => Self::one_byte("latin-1", |byte| char::from_u32(u32::from(byte))),
            "cp437" | "ibm437" | "437" => Self::dos("cp437", &oem_cp::code_table::DECODING_TABLE_CP437),
            "cp850" | "ibm850" | "850" => Self::dos("cp850", &oem_cp::code_table::DECODING_TABLE_CP850),
            "cp852" | "ibm852" | "852" => Self::dos("cp852", &oem_cp::code_table::DECODING_TABLE_CP852),
            "cp858" | "ibm858" | "858" => Self::dos("cp858", &oem_cp::code_table::DECODING_TABLE_CP858),
            plain => {
                let label = match (multi_byte_label(plain), plain.strip_prefix("cp125")) {
                    (Some(label), _) => label.to_owned(),
                    (None, Some(last)) => format!("windows-125{last}"),
                    (None, None) => name.trim().to_ascii_lowercase(),
                };
                let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
                if !encoding.is_single_byte() {
                    return match encoding {
                        encoding if encoding == encoding_rs::UTF_8 => Some(Self::Utf8),
                        encoding if encoding == encoding_rs::UTF_16LE => Some(Self::Utf16(ByteOrder::Little)),
                        encoding if encoding == encoding_rs::UTF_16BE => Some(Self::Utf16(ByteOrder::Big)),
                        // Stands for encodings that the web refuses, such as UTF-7.
                        encoding if encoding == encoding_rs::REPLACEMENT => None,
                        encoding => Some(Self::MultiByte(encoding)),
                    };
                }
                Self::one_byte(encoding.name(), |byte| {
                    let bytes = [byte];
                    let text = encoding.decode_without_bom_handling_and_without_replacement(&bytes)?;
                    // The web takes undefined bytes for control characters; here they are a fault.
                    text.chars().next().filter(|c| !c.is_control())
                })
            }
        })
    }

    fn one_byte(name: &'static str, decode: impl Fn(u8) -> Option<char>) -> Self {
        let upper = std::array::from_fn(|index| decode(0x80 | index as u8));
        Self::OneByte(Arc::new(CodePage { name, upper }))
    }

    fn dos(name: &'static str, table: &[char; 128]) -> Self {
        Self::one_byte(name, |byte| Some(table[usize::from(byte & 0x7F)]))
    }

    /// The name, in one spelling.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16(ByteOrder::Marked) => "UTF-16",
            Self::Utf16(ByteOrder::Little) => "UTF-16LE",
            Self::Utf16(ByteOrder::Big) => "UTF-16BE",
            Self::OneByte(page) => page.name,
            Self::MultiByte(encoding) => encoding.name(),
        }
    }
}

/// The web's label of an encoding with several bytes per character, for the names that other programs have for it.
fn multi_byte_label(plain: &str) -> Option<&'static str> {
    Some(match plain {
        "sjis" | "shiftjis" | "cp932" | "ms932" | "windows31j" | "mskanji" | "932" => "shift_jis",
        "eucjp" | "ujis" => "euc-jp",
        "iso2022jp" => "iso-2022-jp",
        "euckr" | "cp949" | "ms949" | "windows949" | "uhc" | "ksc5601" | "949" => "euc-kr",
        "gbk" | "cp936" | "ms936" | "windows936" | "gb2312" | "euccn" | "936" => "gbk",
        "gb18030" => "gb18030",
        "big5" | "big5hkscs" | "cp950" | "ms950" | "windows950" | "950" => "big5",
        _ => return None,
    })
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl CodePage {
    /// Decodes; the error is the place of the first byte that has no character.
    pub fn decode(&self, bytes: &[u8]) -> Result<String, usize> {
        let mut out = String::with_capacity(bytes.len() + bytes.len() / 8);
        for (at, byte) in bytes.iter().enumerate() {
            out.push(self.character(*byte).ok_or(at)?);
        }
        Ok(out)
    }

    /// The character of a byte.
    pub fn character(&self, byte: u8) -> Option<char> {
        match byte.is_ascii() {
            true => Some(char::from(byte)),
            false => self.upper[usize::from(byte & 0x7F)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_several_spellings_and_bytes_without_character_stay_out() {
        for (name, byte, expected) in [
            ("windows-1252", 0x80, Some('€')),
            ("cp1252", 0x81, None),
            ("CP850", 0x84, Some('ä')),
            ("cp437", 0x9B, Some('¢')),
            ("latin-1", 0x80, Some('\u{80}')),
            ("ISO-8859-1", 0xE9, Some('é')),
            ("iso-8859-15", 0xA4, Some('€')),
        ] {
            let Some(Encoding::OneByte(page)) = Encoding::parse(name) else { panic!("{name}") };
            assert_eq!(page.character(byte), expected, "{name}");
        }
        assert_eq!(Encoding::parse("UTF8"), Some(Encoding::Utf8));
        for (name, expected) in [
            ("shift_jis", "Shift_JIS"),
            ("SJIS", "Shift_JIS"),
            ("cp932", "Shift_JIS"),
            ("EUC_JP", "EUC-JP"),
            ("cp949", "EUC-KR"),
            ("ks_c_5601-1987", "EUC-KR"),
            ("gb2312", "GBK"),
            ("GB18030", "gb18030"),
            ("cp950", "Big5"),
            ("iso-2022-jp", "ISO-2022-JP"),
        ] {
            assert_eq!(Encoding::parse(name).map(|encoding| encoding.name()), Some(expected), "{name}");
        }
        assert_eq!(Encoding::parse("utf-7"), None);
        assert_eq!(Encoding::parse("klingon"), None);
    }
}
