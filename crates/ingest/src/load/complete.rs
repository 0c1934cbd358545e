//! Which files are complete. Nobody says when a file is, so one counts as complete when it has not changed for a while.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::catalog::SourceFile;

/// Those of the files that have not changed for `settle`. If the clock that stamps files is ahead of ours, they are looked at
/// twice, `settle` apart.
pub fn only(files: Vec<SourceFile>, settle: Duration) -> Vec<SourceFile> {
    let mut complete = Vec::with_capacity(files.len());
    let mut ahead = Vec::new();
    for file in files {
        if file.fault.is_some() {
            complete.push(file);
            continue;
        }
        match age(&file.path) {
            Age::Of(age) if age >= settle => complete.push(file),
            Age::Of(_) | Age::Gone => {}
            Age::Ahead => ahead.push((size_and_stamp(&file.path), file)),
        }
    }
    if !ahead.is_empty() {
        std::thread::sleep(settle);
        let still = ahead.into_iter().filter(|(before, file)| *before == size_and_stamp(&file.path));
        complete.extend(still.map(|(_, file)| file));
        complete.sort_by(|a, b| a.name.cmp(&b.name));
    }
    complete
}

/// How long ago a file changed.
enum Age {
    Of(Duration),
    /// In the future.
    Ahead,
    Gone,
}

fn age(path: &Path) -> Age {
    match std::fs::metadata(path).map(|metadata| changed(&metadata)) {
        Err(_) => Age::Gone,
        Ok(None) => Age::Of(Duration::MAX),
        Ok(Some(changed)) => SystemTime::now().duration_since(changed).map_or(Age::Ahead, Age::Of),
    }
}

fn size_and_stamp(path: &Path) -> Option<(u64, Option<SystemTime>)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), changed(&metadata)))
}

/// When the system last saw it change: unlike the time of modification, which programs that copy set to that of the original.
#[cfg(unix)]
fn changed(metadata: &std::fs::Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = Duration::from_secs(u64::try_from(metadata.ctime()).ok()?);
    let nanoseconds = Duration::from_nanos(u64::try_from(metadata.ctime_nsec()).ok()?);
    Some(SystemTime::UNIX_EPOCH + seconds + nanoseconds)
}

#[cfg(not(unix))]
fn changed(metadata: &std::fs::Metadata) -> Option<SystemTime> {
    metadata.modified().ok()
}
