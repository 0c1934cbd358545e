//! What the working tree's models change in the published ones.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use salesmart_base::config::Config;
use salesmart_base::fail;
use salesmart_model::Materialized;
use salesmart_project::Project;
use salesmart_transform::build::Options;
use salesmart_transform::content;
use salesmart_transform::content::Published;
use salesmart_transform::space::Space;

use super::compare::{Sides, Whole, compare};
use super::{Against, ModelDiff, Outcome, State};

/// Builds what is stale and compares it with what is published; what becomes of the build stands in `options`.
///
/// The models named are compared, or all if none is. Everything that is stale is built in any case, so that checks over
/// several models see one state. An error of the build is handed back beside what was found before it.
pub fn published(
    project: &Project<'_>,
    names: &[String],
    options: &Options,
    limit: u64,
) -> Result<(Outcome, Option<anyhow::Error>)> {
    let conn = project.staging.conn();
    let (before, space) = (content::published(conn)?, Space::new(conn)?);
    let wanted = wanted(project, &before, names)?;
    let mut outcome = Outcome {
        against: Against::Published,
        complete: true,
        models: Vec::new(),
        same: Vec::new(),
        views: Vec::new(),
    };
    // Looked at first: publishing drops them.
    let mut removed = Vec::new();
    for (name, model) in before.iter().filter(|(name, _)| !project.models.models.contains_key(*name)) {
        if !wanted.contains(name.as_str()) {
            continue;
        }
        if model.kind == Materialized::View.name() {
            outcome.views.push(name.clone());
            continue;
        }
        let relation = space.published(name);
        let sides =
            Sides { model: name, key: &[], before: Some(&relation), after: None, whole: Whole::Before(&relation) };
        removed.push(compare(conn, &sides, limit)?);
    }
    let mut observed: Vec<ModelDiff> = Vec::new();
    let built = project.build_inspected(options, &mut |conn, change| {
        let model = change.model;
        if !wanted.contains(model.name.as_str()) {
            return Ok(());
        }
        let relation = space.published(&model.name);
        let whole = match change.before {
            Some(_) => Whole::Before(&relation),
            None => Whole::After(change.after),
        };
        let sides =
            Sides { model: &model.name, key: &model.key, before: change.before, after: Some(change.after), whole };
        observed.push(compare(conn, &sides, limit)?);
        Ok(())
    });
    let differing = observed.into_iter().filter(|diff| diff.state != State::Same).chain(removed);
    outcome.models.extend(differing);
    let error = match built {
        Ok(report) => {
            let is_view = |name: &str| {
                project.models.models.get(name).is_some_and(|model| model.materialized == Materialized::View)
            };
            let views = report.built.into_iter().filter(|name| is_view(name) && wanted.contains(name.as_str()));
            outcome.views.extend(views);
            let is_told = |name: &str| {
                outcome.models.iter().any(|diff| diff.model == name) || outcome.views.iter().any(|view| view == name)
            };
            let same = wanted.iter().filter(|name| !is_told(name)).map(|name| (*name).to_owned());
            outcome.same = same.collect();
            None
        }
        Err(error) => {
            outcome.complete = false;
            Some(error)
        }
    };
    Ok((outcome, error))
}

/// The models to compare: those named, which must be known, or all.
fn wanted<'n>(
    project: &'n Project<'_>,
    published: &'n BTreeMap<String, Published>,
    names: &'n [String],
) -> Result<BTreeSet<&'n str>> {
    if names.is_empty() {
        return Ok(project.models.models.keys().chain(published.keys()).map(String::as_str).collect());
    }
    for name in names {
        if !published.contains_key(name) {
            project.models.get(name)?;
        }
    }
    Ok(names.iter().map(String::as_str).collect())
}

/// Refuses a project in which there is nothing to compare with yet.
pub fn require_staging(config: &Config) -> Result<()> {
    match config.staging_file.exists() {
        true => Ok(()),
        false => {
            fail!("{} is not there yet; run `salesmart run` (or ingest and build) first", config.staging_file.display())
        }
    }
}
