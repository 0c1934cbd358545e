//! Opens a file as a stream of text: decompressed, and as UTF-8 where records could not be cut otherwise. The
//! content hash is taken from the bytes of the file as they pass.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use salesmart_base::event::Progress;
use salesmart_base::hash::Hasher;

use super::decoding::DecodingReader;
use crate::contract::encoding::Encoding;

/// Text on its way to the reader.
pub type Text = Box<dyn Read + Send>;

const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// Takes the hash of the file behind a [`Text`].
pub struct Tap(Arc<Mutex<Hashing>>);

struct Hashing {
    file: File,
    progress: Progress,
    hasher: Hasher,
}

/// Opens a file; its bytes are counted as they pass. gzip and zstd are known by their first bytes, whatever the name.
pub fn open(path: &Path, encoding: &Encoding, progress: &Progress) -> Result<(Text, Tap)> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let hashing = Arc::new(Mutex::new(Hashing { file, progress: progress.clone(), hasher: Hasher::default() }));
    let tap = Tap(Arc::clone(&hashing));
    let context = || format!("cannot read {}", path.display());
    let plain = decompressed(Passing(hashing)).with_context(context)?;
    let text: Text = match encoding {
        Encoding::Utf16(order) => Box::new(DecodingReader::utf16(plain, *order).with_context(context)?),
        Encoding::MultiByte(encoding) => Box::new(DecodingReader::new(plain, encoding).with_context(context)?),
        Encoding::Utf8 | Encoding::OneByte(_) => plain,
    };
    Ok((text, tap))
}

fn decompressed(mut input: Passing) -> io::Result<Text> {
    let mut start = Vec::with_capacity(ZSTD.len());
    input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut start)?;
    let is_gzip = start.starts_with(&GZIP);
    let is_zstd = start.starts_with(&ZSTD);
    let whole = Cursor::new(start).chain(input);
    Ok(match (is_gzip, is_zstd) {
        (true, _) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        (_, true) => Box::new(zstd::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}

impl Tap {
    /// The hash of the whole file: what was not read yet is read now.
    pub fn finish(self) -> io::Result<String> {
        let mut rest = vec![0; 256 << 10];
        let mut passing = Passing(self.0);
        while passing.read(&mut rest)? > 0 {}
        let hashing = passing.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(hashing.hasher.clone().hex())
    }
}

struct Passing(Arc<Mutex<Hashing>>);

impl Read for Passing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut hashing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = hashing.file.read(into)?;
        hashing.hasher.update(&into[..read]);
        hashing.progress.add_bytes(read as u64);
        Ok(read)
    }
}
