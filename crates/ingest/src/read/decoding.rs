//! Turns text in an encoding with several bytes per character (UTF-16, Shift_JIS, GBK …) into UTF-8 before it is cut into records: a
//! byte of a character may be a `\`, a `|` or a line break.
//!
//! A byte that belongs to no character comes out as three bytes that no UTF-8 decoder takes, so that it is a fault of its field, and
//! [`bad_byte`] finds it again.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, ISO_2022_JP, SHIFT_JIS, UTF_16BE, UTF_16LE};

use crate::contract::encoding::{ByteOrder, Encoding};
use crate::contract::mark::{LONGEST, Mark};

const INPUT_BYTES: usize = 64 << 10;

/// A stream of UTF-8 from a stream in another encoding.
pub struct DecodingReader<R> {
    input: R,
    encoding: &'static encoding_rs::Encoding,
    decoder: Decoder,
    /// Bytes of the file that wait to be decoded, from `used` on.
    held: Vec<u8>,
    used: usize,
    /// The last bytes that were decoded: those of a character that turns out to be none.
    recent: Vec<u8>,
    out: Vec<u8>,
    given: usize,
    progress: Progress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reading,
    /// The file has ended; the decoder may hold a character that is not complete.
    AtEnd,
    Done,
}

impl<R: Read> DecodingReader<R> {
    /// A reader at the start of a file of UTF-16.
    ///
    /// # Errors
    /// A file that begins with the byte order mark of another encoding, and one without a mark if that has to say the order.
    pub fn utf16(mut input: R, declared: ByteOrder) -> io::Result<Self> {
        let start = first_bytes(&mut input, &Encoding::Utf16(declared))?;
        let (order, held) = match (declared, Mark::of(&start)) {
            (_, Some(Mark::Utf16(found))) => (found, start[2..].to_owned()),
            (ByteOrder::Marked, _) if !start.is_empty() => {
                return Err(refused("it has no UTF-16 byte order mark; if it is UTF-16, declare utf-16le or utf-16be"));
            }
            (order, _) => (order, start),
        };
        Ok(Self::from(input, held, if order == ByteOrder::Big { UTF_16BE } else { UTF_16LE }))
    }

    /// A reader at the start of a file in another encoding.
    ///
    /// # Errors
    /// A file that begins with the byte order mark of another encoding.
    pub fn new(mut input: R, encoding: &'static encoding_rs::Encoding) -> io::Result<Self> {
        let held = first_bytes(&mut input, &Encoding::MultiByte(encoding))?;
        Ok(Self::from(input, held, encoding))
    }

    fn from(input: R, held: Vec<u8>, encoding: &'static encoding_rs::Encoding) -> Self {
        Self {
            input,
            encoding,
            decoder: encoding.new_decoder_without_bom_handling(),
            held,
            used: 0,
            recent: Vec::new(),
            out: Vec::new(),
            given: 0,
            progress: Progress::Reading,
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        self.held.resize(INPUT_BYTES, 0);
        self.used = 0;
        let read = loop {
            match self.input.read(&mut self.held) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        self.held.truncate(read);
        if read == 0 {
            self.progress = Progress::AtEnd;
        }
        Ok(())
    }

    fn decode_more(&mut self) -> io::Result<()> {
        self.out.clear();
        self.given = 0;
        if self.used == self.held.len() && self.progress == Progress::Reading {
            self.read_more()?;
        }
        let source = &self.held[self.used..];
        if self.encoding == ISO_2022_JP
            && let Some(line_break @ (b'\r' | b'\n')) = source.first()
        {
            // Its shifts end with the line (RFC 1468): one that is not taken back must not swallow the lines behind it.
            self.out.push(*line_break);
            self.used += 1;
            self.decoder = self.encoding.new_decoder_without_bom_handling();
            self.recent.clear();
            return Ok(());
        }
        let line = match self.encoding == ISO_2022_JP {
            true => source.iter().position(|byte| matches!(byte, b'\r' | b'\n')),
            false => None,
        };
        let source = &source[..line.unwrap_or(source.len())];
        let is_at_end = self.progress == Progress::AtEnd;
        let is_last = is_at_end || line.is_some();
        let needed = self.decoder.max_utf8_buffer_length_without_replacement(source.len()).unwrap_or(INPUT_BYTES * 4);
        self.out.resize(needed.max(16), 0);
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(source, &mut self.out, is_last);
        self.out.truncate(written);
        self.recent.extend_from_slice(&source[read.saturating_sub(RECENT_BYTES)..read]);
        self.recent.drain(..self.recent.len().saturating_sub(RECENT_BYTES));
        self.used += read;
        if self.encoding == SHIFT_JIS {
            mark_bytes_without_character(&mut self.out);
        }
        match result {
            DecoderResult::InputEmpty if is_at_end && line.is_none() => self.progress = Progress::Done,
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
            DecoderResult::Malformed(length, behind) => {
                let end = self.recent.len().saturating_sub(usize::from(behind));
                let start = end.saturating_sub(usize::from(length));
                for byte in &self.recent[start..end] {
                    self.out.extend(marked(*byte));
                }
            }
        }
        Ok(())
    }
}

/// So many bytes of a file that a byte order mark would be among them.
fn first_bytes(input: &mut impl Read, declared: &Encoding) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(LONGEST);
    input.take(LONGEST as u64).read_to_end(&mut start)?;
    match Mark::of(&start).and_then(|mark| mark.contradiction(declared)) {
        Some(reason) => Err(refused(&reason)),
        None => Ok(start),
    }
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// More than a character, and what the decoder reads behind a bad one, can have.
const RECENT_BYTES: usize = 16;

/// The byte as the lone half of a surrogate pair, which is no UTF-8.
fn marked(byte: u8) -> [u8; 3] {
    [0xED, 0xB0 | byte >> 6, 0x80 | byte & 0x3F]
}

/// The byte of the file that these three stand for, if they stand for one.
pub fn bad_byte(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [0xED, high @ 0xB0..=0xB3, low @ 0x80..=0xBF, ..] => Some((high & 3) << 6 | low & 0x3F),
        _ => None,
    }
}

/// The web takes the byte 0x80 of Shift_JIS for a control character; it has no character, so it is a fault here.
fn mark_bytes_without_character(out: &mut Vec<u8>) {
    const CONTROL: &[u8] = b"\xC2\x80";
    if memchr::memmem::find(out, CONTROL).is_none() {
        return;
    }
    let mut marked_out = Vec::with_capacity(out.len() + 16);
    let mut rest = out.as_slice();
    while let Some(at) = memchr::memmem::find(rest, CONTROL) {
        marked_out.extend_from_slice(&rest[..at]);
        marked_out.extend(marked(0x80));
        rest = &rest[at + CONTROL.len()..];
    }
    marked_out.extend_from_slice(rest);
    *out = marked_out;
}

impl<R: Read> Read for DecodingReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            if self.progress == Progress::Done {
                return Ok(0);
            }
            self.decode_more()?;
        }
        let count = into.len().min(self.out.len() - self.given);
        into[..count].copy_from_slice(&self.out[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let (first, rest) = self.0.split_at(self.1.min(self.0.len()).min(into.len()));
            into[..first.len()].copy_from_slice(first);
            self.0 = rest;
            Ok(first.len())
        }
    }

    fn decoded(encoding: &'static encoding_rs::Encoding, bytes: &[u8], step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        DecodingReader::new(Drip(bytes, step), encoding).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn characters_survive_every_border_between_blocks() {
        let texts = [
            (encoding_rs::SHIFT_JIS, "表示,ソ能|予\\x\n"),
            (encoding_rs::EUC_JP, "東京,表\n"),
            (encoding_rs::ISO_2022_JP, "東京,abc\n表\n"),
            (encoding_rs::EUC_KR, "서울,똠방각하\n"),
            (encoding_rs::GBK, "北京,鐪€\n"),
            (encoding_rs::GB18030, "北京,😀\n"),
            (encoding_rs::BIG5, "許功蓋,台北\n"),
        ];
        for (encoding, text) in texts {
            let (bytes, _, has_lost) = encoding.encode(text);
            assert!(!has_lost, "{}", encoding.name());
            for step in [1, 2, 3, 7, 1000] {
                assert_eq!(String::from_utf8(decoded(encoding, &bytes, step)).unwrap(), text, "{}", encoding.name());
            }
        }
    }

    #[test]
    fn utf16_is_read_in_the_order_of_its_mark_or_of_the_contract() {
        let text = "a,ä\n€😀\n";
        let units = |mark: bool| mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        for (declared, mark, bytes) in [
            (ByteOrder::Marked, true, units(true).flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
            (ByteOrder::Marked, true, units(true).flat_map(u16::to_be_bytes).collect()),
            (ByteOrder::Little, false, units(false).flat_map(u16::to_le_bytes).collect()),
            (ByteOrder::Big, true, units(true).flat_map(u16::to_be_bytes).collect()),
        ] {
            for step in [1, 3, 1000] {
                let mut out = String::new();
                DecodingReader::utf16(Drip(&bytes, step), declared).unwrap().read_to_string(&mut out).unwrap();
                assert_eq!(out, text, "{declared:?}, mark {mark}");
            }
        }
        assert!(DecodingReader::utf16(&b"a,b\n"[..], ByteOrder::Marked).is_err());
        // Half a pair, and half a unit at the end.
        let mut out = Vec::new();
        let broken: &[u8] = &[0x3D, 0xD8, b'a', 0, 9];
        DecodingReader::utf16(Drip(broken, 1), ByteOrder::Little).unwrap().read_to_end(&mut out).unwrap();
        assert_eq!(out, [&marked(0x3D)[..], &marked(0xD8), b"a", &marked(9)].concat());
    }

    #[test]
    fn bytes_without_a_character_are_found_again_and_the_rest_stays() {
        let cases: [(&'static encoding_rs::Encoding, &[u8], &[u8], &str); 6] = [
            (encoding_rs::SHIFT_JIS, b"a,\x81,b", b"\x81", "a,§,b"),
            (encoding_rs::SHIFT_JIS, b"a\x80b\xFF", b"\x80\xFF", "a§b§"),
            (encoding_rs::SHIFT_JIS, b"\x83\x80", b"", "ム"),
            (encoding_rs::EUC_KR, b"x\xFF\ny", b"\xFF", "x§\ny"),
            (encoding_rs::GB18030, b"\x81\x30,", b"\x81", "§0,"),
            (encoding_rs::BIG5, b"x\xA4", b"\xA4", "x§"),
        ];
        for (encoding, bytes, bad, shown) in cases {
            for step in [1, 2, 1000] {
                let out = decoded(encoding, bytes, step);
                let (mut found, mut text, mut at) = (Vec::new(), Vec::new(), 0);
                while at < out.len() {
                    match bad_byte(&out[at..]) {
                        Some(byte) => {
                            found.push(byte);
                            text.extend("§".bytes());
                            at += 3;
                        }
                        None => {
                            text.push(out[at]);
                            at += 1;
                        }
                    }
                }
                assert_eq!((found.as_slice(), String::from_utf8(text).unwrap().as_str()), (bad, shown), "{bytes:?}");
            }
        }
    }
}
