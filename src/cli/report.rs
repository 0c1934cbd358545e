//! `salesmart report`

use std::path::{Path, PathBuf};

use anyhow::Result;
use salesmart_base::failure::Failure;
use salesmart_base::{fail, toml_file, whole_file};
use salesmart_dashboard::content::{Page, Wanted};
use salesmart_export as export;
use salesmart_export::{Format, Order};
use salesmart_metrics::filter::Field;

use super::Global;
use crate::console::{Console, Step};
use crate::serve;
use crate::serve::From;

/// Write a page of the dashboard to files.
///
/// What `salesmart serve` shows, without a server: for a report that is sent every Monday. The filter is what stands behind the question mark
/// in the page's address: salesmart report --page regions --filter "region=North&dates=last_month" --pdf north.pdf
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which page: overview, products, regions, customers or quality
    #[arg(long, default_value = "overview", value_name = "PAGE")]
    pub page: String,
    /// The filter, as in the page's address
    #[arg(long, default_value = "", value_name = "QUERY")]
    pub filter: String,
    /// Write a report to print or to send
    #[arg(long, value_name = "FILE")]
    pub pdf: Option<PathBuf>,
    /// Write a workbook, with numbers to go on with
    #[arg(long, value_name = "FILE")]
    pub xlsx: Option<PathBuf>,
    /// Write the page's main table
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// What to show: the warehouse, or the models as they are built in the staging file and not pushed yet
    #[arg(long, value_enum, default_value_t)]
    pub from: From,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    let wanted: Vec<(Format, &Path)> = [(Format::Pdf, &args.pdf), (Format::Xlsx, &args.xlsx), (Format::Csv, &args.csv)]
        .into_iter()
        .filter_map(|(format, path)| path.as_deref().map(|path| (format, path)))
        .collect();
    if wanted.is_empty() {
        fail!("say what to write: --pdf FILE, --xlsx FILE or --csv FILE");
    }
    let Some(page) = Page::named(&args.page) else {
        let known: Vec<&str> = Page::ALL.iter().map(|page| page.name()).collect();
        fail!("there is no page `{}`; known are {}", args.page, known.join(", "));
    };
    let asked = match Wanted::parse(page, Some(args.filter.trim_start_matches('?'))) {
        Ok(asked) => asked,
        Err(invalid) => fail!("--filter: {invalid}"),
    };
    let config = global.config()?;
    let (cube, quality) = serve::read_once(&config, args.from, console)?;
    for field in Field::ALL {
        // On a screen somebody would notice; a report that is empty every Monday is sent every Monday.
        if let Some(name) = cube.lacks(&asked.filter, field).first() {
            let advice = match toml_file::nearest(name, cube.names(field)) {
                Some(nearest) => format!("; did you mean {nearest}?"),
                None => String::new(),
            };
            fail!("--filter: there is no {} \"{name}\"{advice}", field.name());
        }
    }
    for (format, path) in wanted {
        let started = std::time::Instant::now();
        let settings = &config.dashboard.settings;
        let file = export::write(&cube, settings, &asked, Some(&quality), format, &Order::default())
            .map_err(|failure| Failure::new(failure.to_string()))?;
        write_whole(path, &file.bytes)?;
        console.step(&Step {
            stage: "report",
            subject: &path.display().to_string(),
            rows: None,
            elapsed: started.elapsed(),
            note: format!("{} kB", file.bytes.len().div_ceil(1_000)),
        });
    }
    Ok(())
}

/// Who reads the file meanwhile has the old one or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let is_new = !path.exists();
    let written = whole_file::write(path, bytes).and_then(|()| {
        // The program keeps its files to itself; a report is for others.
        #[cfg(unix)]
        if is_new {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        }
        Ok(())
    });
    match written {
        Ok(()) => Ok(()),
        Err(error) => {
            fail!("cannot write {}: {}; is the folder there, and may you write to it?", path.display(), error.kind())
        }
    }
}
