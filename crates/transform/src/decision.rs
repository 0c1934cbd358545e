//! Whether a model is built, and how: whole, from the affected rows, or not at all.

use std::collections::BTreeMap;

use anyhow::Result;
use salesmart_base::{fail, hash};
use salesmart_model::Materialized;

use super::affected::Seen;
use super::build::Build;
use super::content::{self, Published};
use super::declared::{claim, input, view_doubt};
use super::delta::Delta;
use super::graph::Node;
use super::proof::{Lookup, Proof};
use super::space;

/// How a model is to be built.
pub enum Mode {
    /// Not at all, and why.
    Not(String),
    /// From all rows, and why.
    Whole(String),
    /// From the rows that changed, where they did, and the proof that this is right.
    Incremental(String, Proof),
}

/// A delta of more rows than this may be too large for an incremental build.
const LARGE_DELTA: u64 = 100_000;

impl Build<'_> {
    /// What would be written down about the model if it were built now.
    pub(super) fn describe(&self, node: &Node<'_>) -> Result<Published> {
        let model = node.model;
        let mut inputs = BTreeMap::new();
        for name in node.inputs() {
            let Some(known) = self.known.get(&name) else {
                fail!(
                    "{} reads {name}, which is not built yet and not selected; select it as well (+{}), or build all",
                    model.path.display(),
                    model.name
                );
            };
            inputs.insert(name, (known.content.clone(), known.load));
        }
        let as_of = match (self.options.as_of, model.sql.to_ascii_lowercase().contains("as_of")) {
            (Some(day), true) => day.to_string(),
            _ => String::new(),
        };
        let definition = content::definition(node, self.contracts)?;
        let mut parts = vec![definition.as_str(), self.engine.as_str(), as_of.as_str()];
        parts.extend(inputs.iter().flat_map(|(name, (content, _))| [name.as_str(), content.as_str()]));
        Ok(Published {
            kind: model.materialized.name().to_owned(),
            content: hash::of_parts(parts),
            definition,
            engine: self.engine.clone(),
            as_of,
            rows: 0,
            inputs,
        })
    }

    /// The inputs, with the delta since the model saw them last.
    pub(super) fn inputs(&self, node: &Node<'_>, published: Option<&Published>) -> Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for name in node.inputs() {
            let Some(known) = self.known.get(&name) else { continue };
            let last = published.and_then(|published| published.inputs.get(&name));
            let delta = match last {
                Some((content, _)) if *content == known.content => Delta::Same,
                Some((content, _)) if known.load.is_none() && known.before.as_ref() == Some(content) => {
                    known.delta.clone()
                }
                Some((_, Some(load))) => match name.strip_prefix("raw.") {
                    Some(source) => Delta::Rows {
                        removed: self.space.source_removed(source, *load),
                        added: self.space.source_added(source, *load),
                    },
                    None => Delta::Whole,
                },
                _ => Delta::Whole,
            };
            seen.push(Seen::new(self.models, name, known.now.clone(), delta, known.scope.clone()));
        }
        Ok(seen)
    }

    /// How many rows an input has. Of a model that is known; to count what it has become would be a look at all of it.
    fn rows(&self, input: &Seen) -> Result<u64> {
        match self.known.get(&input.name) {
            Some(known) if known.load.is_none() => Ok(known.rows),
            _ => space::count(self.conn, &input.now),
        }
    }

    pub(super) fn decide(
        &self,
        node: &Node<'_>,
        now: &Published,
        published: Option<&Published>,
        inputs: &mut [Seen],
    ) -> Result<Mode> {
        let model = node.model;
        let Some(published) = published else { return Ok(Mode::Whole("it is new".to_owned())) };
        if self.options.full_refresh {
            return Ok(Mode::Whole("--full-refresh".to_owned()));
        }
        if published.definition != now.definition || published.kind != now.kind {
            let what = if node.sources.is_empty() { "its file" } else { "its file or a contract" };
            return Ok(Mode::Whole(format!("{what} changed")));
        }
        if published.engine != now.engine {
            return Ok(Mode::Whole(format!("DuckDB changed from {} to {}", published.engine, now.engine)));
        }
        if published.as_of != now.as_of {
            return Ok(Mode::Whole("the as-of day changed".to_owned()));
        }
        let changed: Vec<String> =
            inputs.iter().filter(|input| input.delta != Delta::Same).map(|input| input.name.clone()).collect();
        if changed.is_empty() {
            let rebuilt: Vec<&str> =
                node.models.iter().filter(|name| self.report.built.contains(name)).map(String::as_str).collect();
            return Ok(Mode::Not(match rebuilt.is_empty() {
                true => "nothing that it reads changed".to_owned(),
                false => format!("{} was built anew with the same rows", rebuilt.join(", ")),
            }));
        }
        let why = format!("{} changed", changed.join(", "));
        if model.materialized != Materialized::Incremental {
            return Ok(Mode::Whole(why));
        }
        for input in inputs.iter_mut() {
            input.bind(self.conn, &model.by, &model.lookups)?;
        }
        let read = inputs.iter().map(|seen| input(self.models, &seen.name, seen.columns.clone())).collect::<Vec<_>>();
        let proof = self.prover.prove(&claim(model), &read)?;
        inputs.iter_mut().for_each(|input| input.restrict_only(&proof.restricted));
        if let Some(refusal) = proof.refusals.first() {
            let line = model.header_line(&refusal.setting);
            fail!("{}:{line}: {}: {}", model.path.display(), refusal.setting, refusal.message);
        }
        let doubt = proof.doubt.clone().or(view_doubt(node.inputs(), &model.lookups, &node.behind_views));
        if let Some(doubt) = doubt {
            return Ok(Mode::Whole(format!("{why}, and it is not proved that the changed rows are enough: {doubt}")));
        }
        for input in inputs.iter().filter(|input| input.delta != Delta::Same) {
            let Delta::Rows { removed, added } = &input.delta else {
                return Ok(Mode::Whole(format!("{} was built whole", input.name)));
            };
            match proof.lookups.get(&input.name) {
                _ if input.by.is_some() => {}
                Some(Lookup::Carried(_)) => {}
                Some(Lookup::Doubtful(doubt)) => return Ok(Mode::Whole(format!("{} changed: {doubt}", input.name))),
                None => {
                    return Ok(Mode::Whole(format!("{} changed, which does not have the columns of `by`", input.name)));
                }
            }
            // A table of which most is new is sooner built whole.
            let changed = space::count(self.conn, removed)? + space::count(self.conn, added)?;
            if changed > LARGE_DELTA && changed > self.rows(input)? / 2 {
                return Ok(Mode::Whole(format!("most of {} changed", input.name)));
            }
        }
        Ok(Mode::Incremental(why, proof))
    }
}
