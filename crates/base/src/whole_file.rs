//! Files that are written whole or not at all: a full disk, a kill or an error in the middle leaves what was there before.
//!
//! The content goes into a temporary file beside the target, which then takes its place. What cannot be replaced (a pipe, a device, a
//! file in a folder that may not be written, a single file mounted into a container) is written in place.

use std::fs::{File, Metadata};
use std::io::{BufWriter, Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Writes a file, replacing an existing one.
///
/// # Errors
/// The content cannot be written; then the file is as it was.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let mut draft = Draft::of(path)?;
    draft.write_all(content.as_ref())?;
    draft.finish()
}

/// Writes a file that must not be there yet.
///
/// # Errors
/// The file exists ([`ErrorKind::AlreadyExists`]), or the content cannot be written; then no file is created.
pub fn write_new(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let mut file = beside(path)?;
    file.write_all(content.as_ref())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// A file that is being written. Dropped before [`finish`](Self::finish), it leaves no trace.
pub struct Draft {
    out: BufWriter<Out>,
    target: PathBuf,
}

enum Out {
    Beside(NamedTempFile),
    InPlace(File),
}

impl Draft {
    /// A draft of the file at this path.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub fn of(path: &Path) -> Result<Self> {
        // The file that a link leads to is replaced, not the link.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let out = match path.metadata() {
            Ok(metadata) if metadata.is_file() => match replacement(&target, &metadata) {
                Ok(file) => Out::Beside(file),
                Err(error) if is_forbidden(&error) => Out::InPlace(File::create(&target)?),
                Err(error) => return Err(error),
            },
            Ok(_) => Out::InPlace(File::create(path)?),
            // A link to a file that is not there.
            Err(_) if path.is_symlink() => Out::InPlace(File::create(path)?),
            Err(_) => Out::Beside(beside(&target)?),
        };
        Ok(Self { out: BufWriter::new(out), target })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// The content does not reach the disk.
    pub fn finish(self) -> Result<()> {
        let out = self.out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let file = match out {
            // A pipe has nothing to cut off and nothing to sync.
            Out::InPlace(_) => return Ok(()),
            Out::Beside(file) => file,
        };
        file.as_file().sync_all()?;
        match file.persist(&self.target) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::ResourceBusy => {
                std::fs::copy(error.file.path(), &self.target).map(drop)
            }
            Err(error) => Err(error.error),
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::InPlace(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// A temporary file that is to replace one, with its permissions and, where that is allowed, its owner.
fn replacement(target: &Path, before: &Metadata) -> Result<NamedTempFile> {
    // Without the right to write, a file stays as it is, although its folder would let it be replaced.
    File::options().append(true).open(target)?;
    let file = beside(target)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let made = file.as_file().metadata()?;
        if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
            // Only root may give files away.
            let _ = fchown(file.as_file(), Some(before.uid()), Some(before.gid()));
        }
    }
    file.as_file().set_permissions(before.permissions())?;
    Ok(file)
}

/// A hidden temporary file in the folder of the target, which no pattern for input files matches.
fn beside(target: &Path) -> Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".salesmart-").suffix(".part");
    // Less the umask, as of every new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // Of the error the temporary name is left out: it would stand for a file that nobody asked for.
    builder.tempfile_in(folder).map_err(|error| match error.raw_os_error() {
        Some(code) => Error::from_raw_os_error(code),
        None => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_that_is_not_finished_leaves_the_old_file_and_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, "old").unwrap();
        let mut draft = Draft::of(&path).unwrap();
        draft.write_all(&[b'x'; 100_000]).unwrap();
        drop(draft);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_takes_the_place_of_the_one_that_a_link_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.txt"), folder.path().join("b.txt"));
        write(&path, "old").unwrap();
        std::os::unix::fs::symlink("a.txt", &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        std::fs::remove_file(&path).unwrap();
        write(&link, "newer").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "newer");
    }

    #[test]
    fn a_file_that_is_there_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, "new").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        write_new(&path, "newest").unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_device_is_written_in_place() {
        write(Path::new("/dev/null"), "x").unwrap();
        let error = write(Path::new("/dev/full"), "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
