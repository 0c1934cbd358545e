//! The files of all days, kept from one run to the next.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use salesmart_base::count::{counted, grouped};

use crate::day::{self, MEASURED};
use crate::world::World;

/// The folder with one file per day.
pub struct Inputs {
    folder: PathBuf,
}

impl Inputs {
    /// Writes the files that are missing: the measured day's and those of so many days before it.
    pub fn ensure(folder: PathBuf, days: u64) -> Result<Self> {
        let world = World::new(MEASURED);
        let inputs = Self { folder };
        // What another version of this program wrote is of no use.
        let measured = inputs.file(MEASURED);
        if measured.exists() && std::fs::read(&measured)? != day::content(&world, MEASURED) {
            std::fs::remove_dir_all(&inputs.folder)
                .with_context(|| format!("cannot remove {}", inputs.folder.display()))?;
        }
        std::fs::create_dir_all(&inputs.folder).with_context(|| format!("cannot make {}", inputs.folder.display()))?;
        let missing: Vec<u64> = (MEASURED - days..=MEASURED).filter(|day| !inputs.file(*day).exists()).collect();
        if !missing.is_empty() {
            let started = Instant::now();
            let bytes = inputs.write(&world, &missing)?;
            println!(
                "wrote {}, {} bytes, to {} in {:.1} s",
                counted(missing.len() as u64, "file"),
                grouped(bytes),
                inputs.folder.display(),
                started.elapsed().as_secs_f64()
            );
            // A file that changed within the last two seconds is hashed again by every ingest: its times may not tell.
            thread::sleep(Duration::from_secs(3));
        }
        Ok(inputs)
    }

    /// The file of a day.
    pub fn file(&self, day: u64) -> PathBuf {
        self.folder.join(day::file_name(day))
    }

    /// The files of the so many days before the measured one.
    pub fn history(&self, days: u64) -> Vec<PathBuf> {
        (MEASURED - days..MEASURED).map(|day| self.file(day)).collect()
    }

    /// Where something about the files is kept; it goes when they do.
    pub fn note(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, world: &World, missing: &[u64]) -> Result<u64> {
        let next = AtomicU64::new(0);
        let work = || -> Result<u64> {
            let mut bytes = 0;
            while let Some(day) = missing.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                let content = day::content(world, *day);
                write_whole(&self.file(*day), &content)?;
                bytes += content.len() as u64;
            }
            Ok(bytes)
        };
        let threads = thread::available_parallelism().context("cannot count the cores")?.get();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a writer of files panicked"))?).sum()
        })
    }
}

/// A file that is there is whole.
fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        file.write_all(content)?;
        // Else the first rounds compete with its way to the disk.
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
