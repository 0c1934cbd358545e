//! Planner statistics: what PostgreSQL knows of the pushed tables when it plans a dashboard's query.
//!
//! Without them it takes a join of 2,000,000 sales for one row. Autovacuum gathers those of plain tables and partitions, minutes later; it
//! never gathers those of a partitioned table as a whole, which plans over several months rest on. Comes in: the pushed tables, after the
//! commit of a sync that changed some. Goes out: `analyze` where so much changed that plans would differ. What cannot be analyzed is said and fails no run.

use std::time::Duration;

use anyhow::{Context, Result};
use postgres::Client;
use salesmart_base::event::{Event, Observer};
use salesmart_base::fail;
use salesmart_warehouse::timeouts::with_lock_timeout;

use super::prepare::Prepare;

/// The share of a table's rows that has to change before its statistics are gathered again; autovacuum's own default.
const SHARE: f64 = 0.1;

/// How long to wait for somebody's lock. Autovacuum gives way after a second, PostgreSQL's `deadlock_timeout`.
const PATIENCE: Duration = Duration::from_secs(3);

/// The server version from which on there is the right `maintain`.
const MAINTAIN: i32 = 170_000;

/// For a partitioned table, whose `analyze` goes through every partition again: with the columns of its keys alone and this target it
/// takes 0.6 s of processor time for 37 months and 2,000,000 rows, with PostgreSQL's default of 100 and all columns 8.5 s. Autovacuum gathers the rest, partition by partition.
const WHOLE_TARGET: u32 = 30;

/// A table or partition, as PostgreSQL sees it.
struct Relation {
    name: String,
    /// Number of the pushed table that it is, or is a partition of.
    of: usize,
    is_partitioned: bool,
    /// Rows when it was looked at last; negative before the first time.
    rows: f64,
    /// Rows by the counts of the sessions that wrote since.
    live: f64,
    is_known: bool,
    /// The columns of its keys and indexes.
    columns: String,
    /// The role that may analyze it, if this login may not.
    owner: Option<String>,
}

/// Analyzes those of the tables whose statistics are no longer true.
pub fn refresh(client: &mut Client, tables: &[Prepare], observer: &dyn Observer) {
    if let Err(error) = try_refresh(client, tables) {
        observer.observe(&Event::StatisticsStale { error: &error });
    }
}

fn try_refresh(client: &mut Client, tables: &[Prepare]) -> Result<()> {
    let relations = relations(client, tables)?;
    let stale = stale(tables, &relations);
    let (foreign, ours): (Vec<&Relation>, Vec<&Relation>) =
        stale.into_iter().partition(|relation| relation.owner.is_some());
    with_lock_timeout(client, PATIENCE, |client| {
        let mut failed = Ok(());
        for relation in ours {
            let statements = match relation.is_partitioned {
                true => format!(
                    "set default_statistics_target = {WHOLE_TARGET}; analyze {} ({}); reset default_statistics_target",
                    relation.name, relation.columns
                ),
                false => format!("analyze {}", relation.name),
            };
            // One that is locked does not keep the others from it.
            let analyzed = statements.split("; ").try_for_each(|statement| client.batch_execute(statement));
            failed = failed.and(analyzed.with_context(|| format!("cannot analyze {}", relation.name)));
        }
        failed
    })?;
    if let Some(first) = foreign.first() {
        let statements: Vec<String> = foreign.iter().map(|relation| format!("analyze {};", relation.name)).collect();
        fail!(
            "this login may not analyze tables of {}; have that role run: {}",
            first.owner.as_deref().unwrap_or_default(),
            statements.join(" ")
        );
    }
    Ok(())
}

/// What PostgreSQL knows of the tables and their partitions. The rows of the sync are counted once its session has handed them over.
fn relations(client: &mut Client, tables: &[Prepare]) -> Result<Vec<Relation>> {
    client.execute("select pg_stat_force_next_flush()", &[])?;
    let version: i32 = client.query_one("select current_setting('server_version_num')::integer", &[])?.get(0);
    let targets: Vec<String> = tables.iter().map(|prepared| prepared.table.target()).collect();
    let may_maintain = if version >= MAINTAIN { "has_table_privilege(c.oid, 'maintain')" } else { "false" };
    let sql = format!(
        "with relations as (
             select number, to_regclass(target)::oid as relid from unnest($1::text[]) with ordinality as t (target, number)
             union
             select number, tree.relid::oid
             from unnest($1::text[]) with ordinality as t (target, number), pg_partition_tree(to_regclass(target)) as tree
         )
         select c.oid::regclass::text, number, c.relkind = 'p', c.reltuples::float8, pg_stat_get_live_tuples(c.oid)::float8,
                exists (select from pg_stats
                        where schemaname = n.nspname and tablename = c.relname and inherited = (c.relkind = 'p')),
                (select string_agg(format('%I', attname), ', ' order by attnum) from pg_attribute as a
                 where attrelid = c.oid and attnum > 0
                   and (exists (select from pg_index where indrelid = c.oid and a.attnum = any(indkey))
                        or exists (select from pg_constraint where conrelid = c.oid and a.attnum = any(conkey)))),
                case when not pg_has_role(c.relowner, 'usage') and not pg_has_role(d.datdba, 'usage') and not {may_maintain}
                     then pg_get_userbyid(c.relowner)::text end
         from relations join pg_class as c on c.oid = relid join pg_namespace as n on n.oid = c.relnamespace
         join pg_database as d on d.datname = current_database()
         where c.relkind in ('r', 'p')
         order by number, 1"
    );
    let rows = client.query(&sql, &[&targets])?;
    let relation = |row: &postgres::Row| -> Result<Relation> {
        Ok(Relation {
            name: row.get(0),
            of: usize::try_from(row.get::<_, i64>(1) - 1)?,
            is_partitioned: row.get(2),
            rows: row.get(3),
            live: row.get(4),
            is_known: row.get(5),
            columns: row.get::<_, Option<String>>(6).unwrap_or_default(),
            owner: row.get(7),
        })
    };
    rows.iter().map(relation).collect()
}

/// Those to analyze: what was never looked at, or has changed a lot since. A partitioned table is looked at as a whole, partitions
/// included, if a month is new or as much has changed in all of them together.
fn stale<'a>(tables: &[Prepare], relations: &'a [Relation]) -> Vec<&'a Relation> {
    let mut stale = Vec::new();
    for (index, Prepare { table, counts, .. }) in tables.iter().enumerate() {
        let (roots, leaves): (Vec<&Relation>, Vec<&Relation>) =
            relations.iter().filter(|relation| relation.of == index).partition(|relation| relation.is_partitioned);
        let rows: f64 = leaves.iter().map(|leaf| leaf.live).sum();
        let has_new = leaves.iter().any(|leaf| leaf.is_new());
        let is_large = counts.total() > 0 && counts.total() as f64 >= SHARE * rows;
        let whole: Vec<&Relation> = roots
            .into_iter()
            .filter(|root| has_new || is_large || !root.is_known || has_drifted(root.rows, rows))
            .collect();
        match whole.is_empty() {
            true => stale.extend(leaves.into_iter().filter(|leaf| {
                let is_alone = table.partition.is_none() && is_large;
                is_alone || leaf.is_new() || has_drifted(leaf.rows, leaf.live)
            })),
            false => stale.extend(whole),
        }
    }
    stale
}

impl Relation {
    /// Never looked at, and not empty. Without `track_counts` nobody counts the rows since, but an index that is built does.
    fn is_new(&self) -> bool {
        !self.is_known && (self.live > 0.0 || self.rows > 0.0)
    }
}

/// No rows at all are most likely counts that were lost, as in a crash of the server.
fn has_drifted(before: f64, now: f64) -> bool {
    now > 0.0 && (before - now).abs() > SHARE * now
}
