//! From the marts to the warehouse: sync, plan, verify, migrate.

use std::time::Instant;

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::count::counted;
use salesmart_base::event::{Event, Observer, Synced};
use salesmart_base::fail;
use salesmart_project::Project;
use salesmart_sync::ledger::{self, Wait};
use salesmart_sync::plan::Plan;
use salesmart_sync::prepare::{Compare, Prepared};
use salesmart_sync::push::{self, Deletes};
use salesmart_sync::verify::{self, Expected};
use salesmart_warehouse::notices::Notice;
use salesmart_warehouse::{Warehouse, holders, migrate};

/// Where a project keeps its migrations.
pub const MIGRATIONS: &str = "sql/postgres/migrations";

/// What to do with migrations that are not applied yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrations {
    /// Do not touch the warehouse until somebody applies them.
    #[default]
    Refuse,
    /// Apply them first.
    Apply,
}

/// What to do with differences that [`Push::verify`] finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Name them.
    No,
    /// Push just those rows.
    Yes,
}

/// How to reach the warehouse and push to it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SyncOptions {
    /// How to push.
    pub push: push::Options,
    /// Pending migrations.
    pub migrations: Migrations,
}

/// A project and the warehouse that its marts are pushed to.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    /// The project.
    pub project: &'a Project<'a>,
    /// The warehouse.
    pub warehouse: &'a Warehouse<'a>,
    /// How to reach it and push to it.
    pub options: SyncOptions,
}

impl Push<'_> {
    /// Pushes the delta; exactly the planned one, if there is a plan. Returns the connection.
    pub fn sync(&self, plan: Option<&Plan>) -> Result<postgres::Client> {
        self.naming_holders(|| self.try_sync(plan))
    }

    fn try_sync(&self, plan: Option<&Plan>) -> Result<postgres::Client> {
        let started = Instant::now();
        let mut client = self.connect()?;
        let mut prepared = self.prepare(&mut client, self.options.push)?;
        if let Some(plan) = plan {
            let conn = self.project.staging.conn();
            prepared.save(conn)?;
            plan.hold(conn, &prepared)?;
        }
        let report = self.push(&mut client, &prepared)?;
        ledger::unlock(&mut client)?;
        self.tell(&report, started);
        Ok(client)
    }

    /// What [`sync`](Self::sync) would do, with up to `samples` rows per table and operation.
    pub fn plan(&self, samples: u64) -> Result<Plan> {
        self.naming_holders(|| {
            let mut client = self.connect()?;
            let mut prepared = self.prepare(&mut client, self.options.push)?;
            prepared.save(self.project.staging.conn())?;
            Plan::new(&self.project.staging, &mut client, &prepared, self.project.config.sync, samples)
        })
    }

    /// Looks for what others changed in the warehouse; up to `limit` rows are named per month and kind. With `repair`, puts just that
    /// right.
    pub fn verify(&self, limit: u64, repair: Repair) -> Result<verify::Report> {
        self.naming_holders(|| self.try_verify(limit, repair))
    }

    /// Names the sessions that held a lock for too long, wherever it was waited for.
    fn naming_holders<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        work().map_err(|error| holders::name_holders(self.warehouse, error))
    }

    fn try_verify(&self, limit: u64, repair: Repair) -> Result<verify::Report> {
        let started = Instant::now();
        let mut client = self.connect()?;
        let Project { staging, models, .. } = self.project;
        let report = self.compare(&mut client, limit)?;
        if repair == Repair::No || report.differences() == 0 {
            return Ok(report);
        }
        let compare = match report.expected {
            Expected::Pushed => {
                verify::admit(staging, models, &report)?;
                Compare::Mirror
            }
            // There is no mirror that could be put right.
            Expected::Marts => Compare::Rows,
        };
        let prepared = self.prepare(&mut client, push::Options { compare, ..self.options.push })?;
        let pushed = self.push(&mut client, &prepared)?;
        self.tell(&pushed, started);
        let after = self.compare(&mut client, limit)?;
        if after.differences() > 0 {
            let tables: Vec<&str> = after.differing().map(|table| table.table.as_str()).collect();
            fail!(
                "{} of {} still differ after the repair: something in PostgreSQL, such as a trigger, changes rows as they are written",
                counted(after.differences(), "row"),
                tables.join(", ")
            );
        }
        Ok(report)
    }

    fn compare(&self, client: &mut postgres::Client, limit: u64) -> Result<verify::Report> {
        let Project { staging, models, observer, .. } = self.project;
        verify::run(staging, client, models, self.options.push.wait, limit, *observer)
    }

    fn prepare(&self, client: &mut postgres::Client, options: push::Options) -> Result<Prepared> {
        let Project { staging, models, observer, .. } = self.project;
        Prepared::new(staging, client, models, options.wait, options.compare, *observer)
    }

    fn push(&self, client: &mut postgres::Client, prepared: &Prepared) -> Result<push::Report> {
        let Project { config, staging, observer, .. } = self.project;
        let deletes: Deletes = self.options.push.deletes;
        push::push(config, staging, client, prepared, deletes, *observer)
    }

    fn tell(&self, report: &push::Report, started: Instant) {
        let (tables, number) = (&report.tables, report.run_number);
        self.project.observer.observe(&Event::Synced(Synced { tables, number, elapsed: started.elapsed() }));
    }

    /// Connects to a warehouse whose schema is up to date. The private one is the project's own, and is migrated as needed.
    fn connect(&self) -> Result<postgres::Client> {
        let mut client = self.warehouse.connect()?;
        let folder = self.project.config.root.join(MIGRATIONS);
        let pending = migrate::pending(&mut client, &folder)?;
        if pending.is_empty() {
            return Ok(client);
        }
        if self.options.migrations == Migrations::Refuse && self.warehouse.embedded().is_none() {
            fail!(
                "{} pending in {}: {}; look at them and run `salesmart migrate` (or add --migrate), then run again",
                if pending.len() == 1 { "a migration is" } else { "migrations are" },
                self.warehouse.describe(),
                pending.join(", ")
            );
        }
        migrate(&mut client, self.project.config, self.warehouse, self.options.push.wait, self.project.observer)?;
        Ok(client)
    }
}

/// Applies the pending migrations, one migrating process and no sync at a time; returns their names.
pub fn migrate(
    client: &mut postgres::Client,
    config: &Config,
    warehouse: &Warehouse<'_>,
    wait: Wait,
    observer: &dyn Observer,
) -> Result<Vec<String>> {
    ledger::lock(client, wait, observer)?;
    // Migrations that make columns of money read it.
    let places = config.money.places().to_string();
    client.execute("select set_config('salesmart.money_scale', $1, false)", &[&places])?;
    // A migration may empty or change a table. Noted before it runs, so that no crash can hide it.
    ledger::write_migration(client)?;
    warehouse.notices().take();
    let applied = migrate::run(client, &config.root.join(MIGRATIONS));
    // Also those of migrations before one that failed.
    for Notice { text, is_warning } in warehouse.notices().take() {
        observer.observe(&Event::MigrationNotice { text: &text, is_warning });
    }
    let applied = applied?;
    for name in &applied {
        observer.observe(&Event::Migrated { name });
    }
    Ok(applied)
}
