//! `salesmart demo`

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Result;
use salesmart_base::config::{Config, FILE_NAME, Overrides};
use salesmart_history::Run;
use salesmart_warehouse::Warehouse;

use super::Global;
use super::summary;
use crate::console::Console;
use crate::pipeline;
use crate::pipeline::Job;
use crate::serve;
use crate::serve::From;
use crate::template;
use crate::template::Raw;

/// See it work: sample data, private PostgreSQL, run, dashboard.
///
/// Makes a project with sample sales in DIR (or uses the one made there before), loads, models, checks and pushes
/// them to a private PostgreSQL, prints what is in the warehouse and how to look at it, and serves the dashboard until Ctrl-C.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the demo project
    #[arg(long, default_value = "salesmart-demo", value_name = "DIR")]
    pub dir: PathBuf,
    /// End after the summary instead of serving the dashboard
    #[arg(long)]
    pub no_serve: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global, console: &Console) -> Result<()> {
    if !args.dir.join(FILE_NAME).exists() {
        template::init(&args.dir, Raw::Sample)?;
        console.say(&format!("made a project with sample sales in {}", args.dir.display()));
    }
    let config = Config::load(&Overrides { project: Some(args.dir.clone()), ..global.overrides() })?;
    // Held open over the run and the summary, so that the private server starts once.
    let warehouse = Warehouse::open(&config, console)?;
    pipeline::run(&config, &Job::default(), console, &mut Run::start("demo"), &mut Vec::new())?;
    summary::print(&mut warehouse.connect()?, console)?;
    let dir = args.dir.display();
    console.heading("Look at it");
    if let Some(folder) = off_path() {
        console.say(&format!("  export PATH=\"{}:$PATH\"", folder.display()));
    }
    console.say(&format!(
        "  cd {dir}\n  \
         salesmart show fact_sales                      rows of a model\n  \
         salesmart show \"select * from dim_customer where segment = 'Champions'\"\n  \
         salesmart rejects                              what was refused, and why\n  \
         salesmart serve                                the dashboard\n  \
         salesmart psql                                 SQL shell on the warehouse\n  \
         salesmart doctor                               how Power BI, Tableau & co. connect\n  \
         salesmart run                                  the daily job; put files into data/raw first"
    ));
    if args.no_serve {
        return Ok(());
    }
    console.heading("Dashboard");
    serve::run(&config, From::Warehouse, free(config.dashboard.listen), console)
}

/// The usual address, or another port if somebody listens there already: a demo should not fail by that.
fn free(usual: SocketAddr) -> SocketAddr {
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::new(usual.ip(), 0),
    }
}

/// The folder of this program, if the shell would not find it there.
fn off_path() -> Option<PathBuf> {
    let folder = std::env::current_exe().ok()?.parent()?.to_owned();
    let path = std::env::var_os("PATH")?;
    (!std::env::split_paths(&path).any(|known| known == folder)).then_some(folder)
}
