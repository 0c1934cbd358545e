//! Builds what changed, has it checked, and publishes it: all in one transaction of the staging file.
//!
//! Write, audit, publish: what takes the place of the published models is made beside them (see [`Space`]), the checks run
//! there, and only then is it published. Readers see the last published models until the commit; after a failed check
//! they stay, and the failed ones can be looked at in the schema `scratch`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::count::grouped;
use salesmart_base::event::{Event, ModelBuilt, ModelChange, Observer};
use salesmart_base::{fail, failpoint};
use salesmart_ingest::contract::Contract;
use salesmart_model::{Materialized, Models};
use salesmart_staging::{Staging, relation};

use super::change::{Change, Inspector};
use super::content::{self, Published};
use super::decision::Mode;
use super::declared;
use super::delta::{Built, Delta};
use super::graph::{Graph, Node};
use super::header_review::HeaderReview;
use super::known::{Current, Known};
use super::parsed::Parser;
use super::proof::prover::Prover;
use super::space::{self, Space};
use super::{culprit, incremental, publish, text_casts, whole};
use crate::check;

/// What becomes of a build that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Finish {
    /// It takes the place of what was published.
    #[default]
    Publish,
    /// It was only looked at.
    Discard,
}

/// How to build.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// The models to build, if not all. Those they read must be built already.
    pub selected: Option<BTreeSet<String>>,
    /// Publish or not.
    pub finish: Finish,
    /// What models get as `getvariable('as_of')`; NULL when absent.
    pub as_of: Option<chrono::NaiveDate>,
    /// Rebuild models that did not change, too.
    pub full_refresh: bool,
    /// Say of each model why it is built, or why not.
    pub why: bool,
}

/// What a build did.
#[derive(Debug, Default)]
pub struct Report {
    /// Models that were rebuilt, in order.
    pub built: Vec<String>,
    /// Models that were up to date.
    pub unchanged: u64,
    /// What the checks found.
    pub checks: check::Report,
    /// Time of the checks.
    pub check_time: Duration,
}

/// What is built, and for whom.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The staging file.
    pub staging: &'a Staging,
    /// The project's models and checks.
    pub models: &'a Models,
    /// The project's contracts, by source.
    pub contracts: &'a BTreeMap<String, Contract>,
    /// The run under which the results of checks are kept.
    pub run_id: &'a str,
}

/// Builds, checks and publishes; `inspector` is shown every changed model before that.
///
/// # Errors
/// An error in a model names its file and line; a failed check shows offending rows. In both cases the last
/// published models stay as they are.
pub fn run(
    inputs: &Inputs<'_>,
    options: &Options,
    inspector: &mut Inspector<'_>,
    observer: &dyn Observer,
) -> Result<Report> {
    let Inputs { staging, models, contracts, run_id } = *inputs;
    let conn = staging.conn();
    set_as_of(conn, options)?;
    refuse_incomplete(conn)?;
    let sources: BTreeSet<&str> = contracts.keys().map(String::as_str).collect();
    let parser = Parser::new(conn)?;
    let graph = parser.graph(models, &sources)?;
    let prover = Prover::new(Some(&parser), models.money);
    let review = HeaderReview { conn, parser: &parser, prover: &prover, models, contracts };
    review.refuse(&graph, options.selected.as_ref())?;
    let mut build = Build {
        conn,
        space: Space::new(conn)?,
        contracts,
        options,
        observer,
        published: BTreeMap::new(),
        known: Known::new(),
        models,
        prover: &prover,
        engine: salesmart_staging::engine(conn)?,
        report: Report::default(),
        at: None,
    };
    let mut work = |conn: &Connection| -> Result<Option<anyhow::Error>> {
        build.space.make_sources(conn, contracts.values())?;
        build.space.clear(conn)?;
        build.published = content::published(conn)?;
        build.all(&graph, inspector)?;
        let refused = build.check(&parser, run_id)?;
        match (&refused, options.finish) {
            (Some(_), Finish::Publish) => publish::keep_for_a_look(conn, &build.space, models, &build.known)?,
            (None, Finish::Publish) => {
                parser.store()?;
                failpoint::hit("build.before_publish");
                let gone = build.gone();
                publish::all(conn, &build.space, models, &build.known, &gone)?;
                for source in contracts.keys() {
                    content::forget_removed(conn, source)?;
                }
                build.report.checks.remember(conn, models)?;
            }
            (_, Finish::Discard) => {}
        }
        build.space.clear_temporary(conn)?;
        Ok(refused)
    };
    let result = match options.finish {
        Finish::Publish => staging.transaction(&mut work),
        Finish::Discard => staging.rehearsal(&mut work),
    };
    // The transaction is over, so DuckDB answers again.
    let refused = match (result, &build.at) {
        (Err(error), Some(model)) => {
            let read = culprit::sources(&graph, model);
            let read: Vec<&Contract> =
                contracts.values().filter(|contract| read.contains(contract.source.as_str())).collect();
            return Err(culprit::name(conn, &read, error));
        }
        (result, _) => result?,
    };
    failpoint::hit("build.published");
    match refused {
        Some(error) => Err(error),
        None => {
            let Report { built, unchanged, .. } = &build.report;
            observer.observe(&Event::BuildFinished { built, unchanged: *unchanged });
            Ok(build.report)
        }
    }
}

/// After a change of its contract a source is whole again only when all its files are.
fn refuse_incomplete(conn: &Connection) -> Result<()> {
    let mut statement = conn.prepare("select file from ingest.expected order by file")?;
    let files: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    match files.first() {
        None => Ok(()),
        Some(first) => fail!(
            "{} files were loaded before their contract changed and are not loaded again yet (first: {first}); repair them and run \
             `salesmart ingest`, or withdraw them with `salesmart forget FILE`",
            grouped(files.len() as u64)
        ),
    }
}

/// `getvariable('as_of')` in a model is this day, or NULL.
fn set_as_of(conn: &Connection, options: &Options) -> Result<()> {
    match options.as_of {
        Some(day) => conn.execute_batch(&format!("set variable as_of = date '{day}'"))?,
        None => conn.execute_batch("reset variable as_of")?,
    }
    Ok(())
}

/// A build on its way.
pub(super) struct Build<'a> {
    pub(super) conn: &'a Connection,
    pub(super) space: Space,
    pub(super) contracts: &'a BTreeMap<String, Contract>,
    pub(super) options: &'a Options,
    pub(super) observer: &'a dyn Observer,
    pub(super) published: BTreeMap<String, Published>,
    pub(super) known: Known,
    pub(super) models: &'a Models,
    pub(super) prover: &'a Prover<'a>,
    pub(super) engine: String,
    pub(super) report: Report,
    /// The model that is being built.
    pub(super) at: Option<String>,
}

impl Build<'_> {
    /// Builds what is stale, in order.
    fn all(&mut self, graph: &Graph<'_>, inspector: &mut Inspector<'_>) -> Result<()> {
        for source in self.contracts.keys() {
            let current = Current::source(self.conn, &self.space, source)?;
            self.known.insert(format!("raw.{source}"), current);
        }
        for node in &graph.nodes {
            self.at = Some(node.model.name.clone());
            self.one(node, inspector)?;
        }
        self.at = None;
        if self.report.built.is_empty() {
            self.observer.observe(&Event::AllUpToDate { models: self.report.unchanged });
        }
        Ok(())
    }

    fn one(&mut self, node: &Node<'_>, inspector: &mut Inspector<'_>) -> Result<()> {
        let started = Instant::now();
        let model = node.model;
        let name = model.name.as_str();
        let published = self.published.get(name).cloned();
        let is_selected = self.options.selected.as_ref().is_none_or(|selected| selected.contains(name));
        if !is_selected {
            if let Some(published) = published {
                self.known.insert(name.to_owned(), self.left_out(node, &published)?);
            }
            return Ok(());
        }
        let now = self.describe(node)?;
        let mut seen = self.inputs(node, published.as_ref())?;
        let mode = self.decide(node, &now, published.as_ref(), &mut seen)?;
        let (built, why) = match (mode, published.clone()) {
            (Mode::Not(why), Some(published)) => {
                self.report.unchanged += 1;
                if self.options.why {
                    self.observer.observe(&Event::ModelUpToDate { model: name, why: &why });
                }
                self.known.insert(name.to_owned(), self.unchanged(name, &published));
                return Ok(());
            }
            (Mode::Incremental(why, proof), _) => {
                match incremental::build(self.conn, &self.space, model, &proof, &seen)? {
                    Some(built) => (built, why),
                    None => (self.whole(node, published.as_ref())?, "its columns changed, or rows repeat".to_owned()),
                }
            }
            (Mode::Whole(why) | Mode::Not(why), _) => (self.whole(node, published.as_ref())?, why),
        };
        let is_view = model.materialized == Materialized::View;
        self.observer.observe(&Event::ModelBuilt(ModelBuilt {
            model: name,
            rows: (!is_view).then_some(built.rows),
            change: change_of(self.conn, &built)?,
            why: self.options.why.then_some(why.as_str()).filter(|why| !why.is_empty()),
            elapsed: started.elapsed(),
        }));
        self.enter(node, now, published, built, inspector)
    }

    /// Shows a built model to those that read it, and to the inspector.
    fn enter(
        &mut self,
        node: &Node<'_>,
        mut now: Published,
        published: Option<Published>,
        built: Built,
        inspector: &mut Inspector<'_>,
    ) -> Result<()> {
        let model = node.model;
        let name = model.name.as_str();
        self.report.built.push(name.to_owned());
        now.rows = built.rows;
        if let (Delta::Same, Some(published)) = (&built.delta, &published) {
            now.content.clone_from(&published.content);
        }
        let table = self.space.published(name);
        if built.now != table {
            let shadow = self.space.shadow(name);
            self.conn.execute_batch(&format!("create or replace temp view {shadow} as select * from {}", built.now))?;
        }
        let was_table = published.as_ref().is_some_and(|published| published.kind != "view");
        let change = match &built.delta {
            Delta::Same => None,
            Delta::Rows { removed, added } => Some((Some(removed.as_str()), added.as_str())),
            Delta::Whole => Some((was_table.then_some(table.as_str()), built.now.as_str())),
        };
        if let (Some((before, after)), true) = (change, model.materialized != Materialized::View) {
            inspector(self.conn, &Change { model, before, after })?;
        }
        let is_redefined = published.as_ref().is_none_or(|published| published.definition != now.definition);
        if is_redefined {
            // Its inputs are shown as this build has them. What was told once is not told every day.
            for text in self.doubts(node, &built.now)?.iter().chain(&text_casts::warnings(self.conn, model)?) {
                self.observer.observe(&Event::ModelWarning { text });
            }
        }
        let current = Current {
            content: now.content.clone(),
            is_redefined,
            is_stale: false,
            before: published.map(|published| published.content),
            delta: built.delta,
            now: built.now,
            rows: built.rows,
            scope: built.scope,
            load: None,
            built: Some(now),
        };
        self.known.insert(name.to_owned(), current);
        failpoint::hit(&format!("build.built.{name}"));
        Ok(())
    }

    /// Why an incremental model is built whole nevertheless.
    fn doubts(&self, node: &Node<'_>, now: &str) -> Result<Vec<String>> {
        let mut inputs = Vec::new();
        for seen in self.inputs(node, None)? {
            inputs.push(declared::input(self.models, &seen.name, relation::columns(self.conn, &seen.now)?));
        }
        Ok(declared::model(self.prover, node, &inputs, &relation::columns(self.conn, now)?)?.warnings)
    }

    fn unchanged(&self, name: &str, published: &Published) -> Current {
        Current::unchanged(published.content.clone(), self.space.published(name), published.rows)
    }

    /// A model that was left out: as it is published, which may be older than what it reads.
    fn left_out(&self, node: &Node<'_>, published: &Published) -> Result<Current> {
        let mut is_stale = published.definition != content::definition(node, self.contracts)?;
        for name in node.inputs() {
            let seen = published.inputs.get(&name).map(|(content, _)| content);
            is_stale |= self.known.get(&name).is_none_or(|input| input.is_stale || Some(&input.content) != seen);
        }
        Ok(Current { is_stale, ..self.unchanged(&node.model.name, published) })
    }

    fn whole(&self, node: &Node<'_>, published: Option<&Published>) -> Result<Built> {
        let was_table = published.is_some_and(|published| published.kind != "view");
        let mut input_rows = 0;
        if node.model.sorted_by().is_some() {
            for source in &node.sources {
                input_rows += space::count(self.conn, &self.space.source(source))?;
            }
            input_rows +=
                node.models.iter().filter_map(|name| self.known.get(name)).map(|known| known.rows).sum::<u64>();
        }
        whole::build(self.conn, &self.space, node.model, was_table, input_rows)
    }

    /// Runs the checks; returns the error if one did not pass.
    fn check(&mut self, parser: &Parser<'_>, run_id: &str) -> Result<Option<anyhow::Error>> {
        let started = Instant::now();
        let context = check::Context {
            conn: self.conn,
            parser,
            prover: self.prover,
            space: &self.space,
            known: &self.known,
            engine: &self.engine,
            is_full: self.options.full_refresh,
        };
        self.report.checks = check::run(&context, self.models, run_id)?;
        self.report.check_time = started.elapsed();
        self.report.checks.tell(self.report.check_time, self.observer);
        Ok(self.report.checks.refuse(self.options.finish == Finish::Publish).err())
    }

    /// Published models whose files are gone.
    fn gone(&self) -> Vec<String> {
        match self.options.selected {
            Some(_) => Vec::new(),
            None => self.published.keys().filter(|name| !self.models.models.contains_key(*name)).cloned().collect(),
        }
    }
}

/// How the rows of a model differ from the published ones.
fn change_of(conn: &Connection, built: &Built) -> Result<ModelChange> {
    Ok(match &built.delta {
        Delta::Same => ModelChange::Same,
        Delta::Rows { removed, added } => {
            ModelChange::Rows { removed: space::count(conn, removed)?, added: space::count(conn, added)? }
        }
        Delta::Whole => ModelChange::Unknown,
    })
}
