//! Lineage as text: trees, and what each column is computed from.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::origin::Origin;
use super::{Direction, Focus, Kind, Lineage};

/// The tree of the whole project, from its sources down or from its last models up.
pub fn whole(lineage: &Lineage, direction: Direction) -> String {
    let mut tree = Tree::default();
    let way = if direction == Direction::Upstream { direction } else { Direction::Downstream };
    for relation in &lineage.relations {
        let is_root = match way {
            Direction::Upstream => lineage.read_by(&relation.name).is_empty(),
            _ => relation.reads.is_empty(),
        };
        if is_root {
            tree.root(&relation.name, &|name| relations(lineage, name, way));
        }
    }
    tree.text
}

/// What a model or column is computed from, and what is computed from it.
pub fn around(lineage: &Lineage, focus: &Focus, direction: Direction) -> String {
    let mut text = match &focus.column {
        Some(column) => format!("{}.{column}\n", focus.relation),
        None => format!("{}\n", focus.relation),
    };
    for way in [Direction::Upstream, Direction::Downstream] {
        if direction == way || direction == Direction::Both {
            text.push_str(&one_way(lineage, focus, way));
        }
    }
    text
}

fn one_way(lineage: &Lineage, focus: &Focus, way: Direction) -> String {
    let is_source = lineage.get(&focus.relation).is_some_and(|relation| relation.kind == Kind::Source);
    if is_source && way == Direction::Upstream {
        return "is loaded from files\n".to_owned();
    }
    let mut tree = Tree::default();
    let (heading, nothing) = match &focus.column {
        None => {
            tree.children(&focus.relation, "", &|name| relations(lineage, name, way));
            match way {
                Direction::Upstream => ("reads", "reads nothing"),
                _ => ("is read by", "is read by no model"),
            }
        }
        Some(column) => {
            let start = Origin { relation: focus.relation.clone(), column: Some(column.clone()) };
            tree.children(&start, "", &|origin| columns(lineage, origin, way));
            let is_unknown = lineage.origins(&start).is_unknown;
            match way {
                Direction::Upstream if is_unknown && tree.text.is_empty() => {
                    ("", "is computed from what cannot be told")
                }
                Direction::Upstream if is_unknown => ("is computed from these, and from what cannot be told", ""),
                Direction::Upstream => ("is computed from", "is a constant"),
                _ => ("is used by", "is used by no column"),
            }
        }
    };
    match tree.text.is_empty() {
        true => format!("{nothing}\n"),
        false => format!("{heading}\n{}", tree.text),
    }
}

/// Each model with its columns and what they are computed from.
pub fn column_lists(lineage: &Lineage) -> String {
    let mut text = String::new();
    for relation in lineage.relations.iter().filter(|relation| relation.kind != Kind::Source) {
        let width = relation.columns.iter().map(|traced| traced.column.name.chars().count()).max().unwrap_or(0);
        text.push_str(&format!("\n{}\n", relation.name));
        for traced in &relation.columns {
            let arrow = if traced.origins.from.is_empty() { ' ' } else { '←' };
            text.push_str(&format!("    {:<width$}  {arrow} {}\n", traced.column.name, traced.origins));
        }
    }
    text
}

fn relations(lineage: &Lineage, name: &str, way: Direction) -> Vec<String> {
    match way {
        Direction::Upstream => lineage.get(name).map(|relation| relation.reads.clone()).unwrap_or_default(),
        _ => lineage.read_by(name).into_iter().map(str::to_owned).collect(),
    }
}

fn columns(lineage: &Lineage, origin: &Origin, way: Direction) -> Vec<Origin> {
    match way {
        Direction::Upstream => lineage.origins(origin).from.into_iter().collect(),
        _ => lineage.used_by(origin),
    }
}

/// Lines with branches. What was drawn once with all below it is not drawn again.
#[derive(Debug, Default)]
struct Tree {
    text: String,
    drawn: BTreeSet<String>,
}

impl Tree {
    fn root<T: Display>(&mut self, item: &T, next: &dyn Fn(&T) -> Vec<T>) {
        self.text.push_str(&format!("{item}\n"));
        self.children(item, "", next);
    }

    fn children<T: Display>(&mut self, item: &T, indent: &str, next: &dyn Fn(&T) -> Vec<T>) {
        self.drawn.insert(item.to_string());
        let children = next(item);
        for (index, child) in children.iter().enumerate() {
            let (branch, below) = match index + 1 == children.len() {
                true => ("└─", "   "),
                false => ("├─", "│  "),
            };
            let is_drawn = self.drawn.contains(&child.to_string()) && !next(child).is_empty();
            let note = if is_drawn { " (see above)" } else { "" };
            self.text.push_str(&format!("{indent}{branch} {child}{note}\n"));
            if !is_drawn {
                self.children(child, &format!("{indent}{below}"), next);
            }
        }
    }
}
