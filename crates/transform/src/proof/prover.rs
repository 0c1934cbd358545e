//! Proofs, each made once: what was found out is kept in the staging file until the select, its header or the columns that it reads change.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use anyhow::Result;
use duckdb::Connection;
use salesmart_base::config::MoneyScale;

use super::{Claim, Input, Proof, examine, fingerprint};
use crate::blank;
use crate::parse;
use crate::parsed::Parser;

/// Makes proofs, or remembers them.
pub struct Prover<'p> {
    /// Remembers; without it every proof is made anew.
    parser: Option<&'p Parser<'p>>,
    money: MoneyScale,
    /// A database in memory, opened for the first proof that is not known.
    bench: OnceCell<Connection>,
}

impl<'p> Prover<'p> {
    /// One for a project whose amounts have this scale.
    pub fn new(parser: Option<&'p Parser<'p>>, money: MoneyScale) -> Self {
        Self { parser, money, bench: OnceCell::new() }
    }

    /// The proof of a claim about a select that reads these inputs.
    ///
    /// # Errors
    /// DuckDB's, with file and line, if the select does not bind.
    pub fn prove(&self, claim: &Claim<'_>, inputs: &[Input]) -> Result<Proof> {
        let make = || {
            let proof = examine(self.bench()?, claim, inputs).map_err(|error| parse::explain(claim.path, &error))?;
            Ok(serde_json::to_string(&proof)?)
        };
        let text = match self.parser {
            Some(parser) => parser.remembered(&fingerprint(claim, inputs), make)?,
            None => make()?,
        };
        Ok(serde_json::from_str(&text)?)
    }

    /// The database in memory.
    ///
    /// # Errors
    /// Those of DuckDB.
    pub fn bench(&self) -> Result<&Connection> {
        if let Some(bench) = self.bench.get() {
            return Ok(bench);
        }
        let bench = blank::open(&BTreeMap::new(), self.money)?;
        Ok(self.bench.get_or_init(|| bench))
    }
}
