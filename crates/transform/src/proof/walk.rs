//! Follows restrictions of the inputs through DuckDB's logical plan, from the scans to the result.

use std::collections::{BTreeMap, BTreeSet};

use salesmart_model::ByColumn;
use serde_json::Value;

use super::expression::{self, canonical, column, place};
use super::join::{Equality, Join, Kind};
use super::relation::{Origin, Part, Relation, Restriction};
use super::{Carrier, Lookup};

/// The walk through one plan.
pub struct Walk<'a> {
    /// Per input that is restricted: the columns of `by` as expressions over its names.
    by: &'a BTreeMap<String, Vec<Value>>,
    /// Per looked-up input, its key.
    keys: &'a BTreeMap<String, Vec<String>>,
    by_columns: &'a [ByColumn],
    /// Common table expressions by DuckDB's index.
    expressions: BTreeMap<u64, Relation>,
    /// The rows around the correlated subqueries that the walk is in.
    around: Vec<Relation>,
    /// What is known of the looked-up inputs.
    found: BTreeMap<String, LookupFindings>,
    /// Readings of inputs so far.
    readings: u64,
    /// An operator whose columns are not known, so that places above it are not either.
    lost: Option<String>,
}

#[derive(Debug, Default)]
struct LookupFindings {
    carriers: BTreeSet<Carrier>,
    doubt: Option<String>,
    refusal: Option<String>,
}

/// Conditions that hold for all rows of a relation: two expressions over it that are equal.
type Held = [Equality];

impl<'a> Walk<'a> {
    /// A walk for these restrictions.
    pub fn new(
        by: &'a BTreeMap<String, Vec<Value>>,
        keys: &'a BTreeMap<String, Vec<String>>,
        by_columns: &'a [ByColumn],
    ) -> Self {
        let (expressions, found) = (BTreeMap::new(), BTreeMap::new());
        Self { by, keys, by_columns, expressions, around: Vec::new(), found, readings: 0, lost: None }
    }

    /// An operator above which nothing is known.
    pub fn lost(&self) -> Option<&String> {
        self.lost.as_ref()
    }

    /// How the rows that depend on a looked-up input are found; the error says why its header is wrong.
    pub fn lookup(&self, name: &str) -> Result<Lookup, String> {
        match self.found.get(name) {
            None => Err("no input with the columns of `by` is joined with it".to_owned()),
            Some(LookupFindings { refusal: Some(refusal), .. }) => Err(refusal.clone()),
            Some(LookupFindings { doubt: Some(doubt), .. }) => Ok(Lookup::Doubtful(doubt.clone())),
            Some(LookupFindings { carriers, .. }) => Ok(Lookup::Carried(carriers.clone())),
        }
    }

    /// What the operator gives. `held` are conditions of a filter right above it.
    pub fn visit(&mut self, node: &Value, held: &Held) -> Relation {
        let kind = node["type"].as_str().unwrap_or_default();
        match kind {
            "LOGICAL_GET" => self.scan(node),
            "LOGICAL_DUMMY_SCAN" => Relation::constant(1),
            "LOGICAL_EMPTY_RESULT" => Relation::constant(list(&node["return_types"]).len()),
            "LOGICAL_EXPRESSION_GET" => {
                let width = list(&node["expr_types"]).len();
                self.depending_on(node, width, "of a list of values")
            }
            "LOGICAL_PROJECTION" => {
                let columns: Vec<_> = list(&node["expressions"]).iter().map(canonical).collect();
                self.child(node, 0, &[]).projected(&columns)
            }
            "LOGICAL_FILTER" => {
                let held = conjuncts(&node["expressions"]).into_iter().filter_map(equality).collect::<Vec<_>>();
                self.child(node, 0, &held).kept(list(&node["projection_map"]))
            }
            "LOGICAL_ORDER_BY" => self.child(node, 0, &[]).kept(list(&node["projections"])),
            "LOGICAL_AGGREGATE_AND_GROUP_BY" => self.aggregate(node),
            "LOGICAL_WINDOW" => self.window(node),
            "LOGICAL_DISTINCT" => {
                let keys: Vec<Value> = list(&node["distinct_targets"]).iter().filter_map(canonical).collect();
                let child = self.child(node, 0, &[]);
                child.grouped(&keys, "`distinct` compares rows without", &|restriction, index| {
                    self.name(restriction, index)
                })
            }
            "LOGICAL_UNNEST" => {
                let mut child = self.child(node, 0, &[]);
                let added = list(&node["expressions"]).len();
                child.branches = child.beside(&Relation::constant(added));
                Relation { width: child.width + added, ..child }
            }
            "LOGICAL_UNION" | "LOGICAL_EXCEPT" | "LOGICAL_INTERSECT" => self.set_operation(node, kind),
            "LOGICAL_CROSS_PRODUCT" | "LOGICAL_COMPARISON_JOIN" | "LOGICAL_ANY_JOIN" | "LOGICAL_ASOF_JOIN" => {
                self.join(node, kind, held)
            }
            "LOGICAL_DELIM_JOIN" => self.correlated(node),
            "LOGICAL_DELIM_GET" => self.row_around(node),
            "LOGICAL_MATERIALIZED_CTE" => {
                let expression = self.child(node, 0, &[]);
                if let Some(index) = node["table_index"].as_u64() {
                    self.expressions.insert(index, expression);
                }
                self.child(node, 1, held)
            }
            "LOGICAL_CTE_REF" => {
                let known = node["cte_index"].as_u64().and_then(|index| self.expressions.get(&index)).cloned();
                match known {
                    Some(known) => known.read_again(&mut self.readings),
                    None => Relation::constant(list(&node["chunk_types"]).len()),
                }
            }
            _ => self.unknown(node, kind),
        }
    }

    fn child(&mut self, node: &Value, index: usize, held: &Held) -> Relation {
        match node["children"].get(index) {
            Some(child) => self.visit(child, held),
            None => Relation::constant(0),
        }
    }

    /// What a message calls a column of a restriction.
    fn name(&self, restriction: &Restriction, index: usize) -> String {
        match restriction {
            Restriction::By => self.by_columns.get(index).map_or_else(String::new, |by| by.name.clone()),
            Restriction::Lookup(input) => {
                let column = self.keys.get(input).and_then(|key| key.get(index));
                format!("{input}.{}", column.map_or("", String::as_str))
            }
            Restriction::Row => "the row around a subquery".to_owned(),
        }
    }

    fn scan(&mut self, node: &Value) -> Relation {
        let table = &node["function_data"];
        let indexes = list(&node["column_indexes"]);
        if node["name"] != "seq_scan" || !table["table"].is_string() {
            let width = indexes.len() + list(&node["projected_input"]).len();
            return self.depending_on(node, width, "of a table function");
        }
        let input = match (table["schema"].as_str(), table["table"].as_str().unwrap_or_default()) {
            (Some("main"), table) => table.to_owned(),
            (schema, table) => format!("{}.{table}", schema.unwrap_or_default()),
        };
        let names = list(&node["names"]);
        let name = |index: &Value| {
            let place = index["index"].as_u64().and_then(|place| usize::try_from(place).ok())?;
            let is_whole = is_empty(&index["child_indexes"]);
            names.get(place).filter(|_| is_whole).and_then(Value::as_str).map(str::to_owned)
        };
        let columns: Vec<Option<String>> = indexes.iter().map(name).collect();
        let mut relation = Relation::constant(columns.len());
        let placed = |value: &Value| expression::in_place(value, &columns).into_iter().collect::<Vec<_>>();
        if let Some(values) = self.by.get(&input) {
            relation.parts.insert(Restriction::By, Part::Split(values.iter().map(placed).collect()));
        }
        if let Some(key) = self.keys.get(&input) {
            let values = key.iter().map(|name| placed(&expression::named(name))).collect();
            relation.parts.insert(Restriction::Lookup(input.clone()), Part::Split(values));
        }
        self.readings += 1;
        let reading = self.readings;
        let origin = |name: &Option<String>| Some(Origin { reading, input: input.clone(), column: name.clone()? });
        relation.branches = vec![columns.iter().map(origin).collect()];
        relation
    }

    fn aggregate(&mut self, node: &Value) -> Relation {
        let child = self.child(node, 0, &[]);
        let groups = list(&node["groups"]);
        // Each set of `rollup` and the like has to tell the values apart.
        let sets: Vec<BTreeSet<usize>> = list(&node["grouping_sets"])
            .iter()
            .map(|set| list(set).iter().filter_map(|index| usize::try_from(index.as_u64()?).ok()).collect())
            .collect();
        let is_in_all = |index: &usize| sets.iter().all(|set| set.contains(index));
        let keys: Vec<Value> =
            (0..groups.len()).filter(is_in_all).filter_map(|index| canonical(&groups[index])).collect();
        let name = |restriction: &Restriction, index: usize| self.name(restriction, index);
        let grouped = child.grouped(&keys, "rows are grouped without", &name);
        let others = list(&node["expressions"]).len() + list(&node["grouping_functions"]).len();
        let known = |index: usize| Some(index).filter(is_in_all).and_then(|index| canonical(&groups[index]));
        let mut columns: Vec<Option<Value>> = (0..groups.len()).map(known).collect();
        columns.extend(std::iter::repeat_n(None, others));
        grouped.projected(&columns)
    }

    fn window(&mut self, node: &Value) -> Relation {
        let mut child = self.child(node, 0, &[]);
        let windows = list(&node["expressions"]);
        for window in windows {
            let keys: Vec<Value> = list(&window["partitions"]).iter().filter_map(canonical).collect();
            let name = |restriction: &Restriction, index: usize| self.name(restriction, index);
            child = child.grouped(&keys, "a window function is not partitioned by", &name);
        }
        child.branches = child.beside(&Relation::constant(windows.len()));
        Relation { width: child.width + windows.len(), ..child }
    }

    fn set_operation(&mut self, node: &Value, kind: &str) -> Relation {
        let sides: Vec<Relation> =
            (0..list(&node["children"]).len()).map(|index| self.child(node, index, &[])).collect();
        let is_union = kind == "LOGICAL_UNION";
        let restrictions: BTreeSet<Restriction> = sides.iter().flat_map(|side| side.parts.keys().cloned()).collect();
        let mut parts = BTreeMap::new();
        for restriction in restrictions {
            let mut split: Option<Vec<Vec<Value>>> = None;
            let mut reason = None;
            for (index, side) in sides.iter().enumerate() {
                match side.part(&restriction) {
                    Some(Part::Whole(why)) => reason = reason.or(Some(why.clone())),
                    // What is taken off, or compared with, does not change.
                    None if !is_union && index > 0 => {}
                    None => reason = reason.or(Some("a part of a union does not have the columns of `by`".to_owned())),
                    Some(Part::Split(values)) => {
                        split = Some(match split {
                            None => values.clone(),
                            Some(so_far) => so_far
                                .iter()
                                .zip(values)
                                .map(|(one, other)| one.iter().filter(|value| other.contains(value)).cloned().collect())
                                .collect(),
                        });
                    }
                }
            }
            // Rows are compared as a whole, so their value has to be among their columns.
            let is_lost = |values: &Vec<Vec<Value>>| {
                !is_union && restriction != Restriction::Row && values.iter().any(Vec::is_empty)
            };
            let part = match (reason, split) {
                (Some(reason), _) => Part::Whole(reason),
                (None, Some(values)) if is_lost(&values) => {
                    Part::Whole("`except` or `intersect` compares rows without the columns of `by`".to_owned())
                }
                (None, values) => Part::Split(values.unwrap_or_default()),
            };
            parts.insert(restriction, part);
        }
        let width = sides.first().map_or(0, |side| side.width);
        let branches = match sides.iter().any(|side| side.branches.is_empty()) {
            true => Vec::new(),
            false if is_union => sides.iter().flat_map(|side| side.branches.iter().cloned()).collect(),
            false => sides.first().map(|side| side.branches.clone()).unwrap_or_default(),
        };
        Relation { width, parts, branches }
    }

    fn join(&mut self, node: &Value, name: &str, held: &Held) -> Relation {
        let is_plain = is_empty(&node["left_projection_map"]) && is_empty(&node["right_projection_map"]);
        let is_asof = name == "LOGICAL_ASOF_JOIN";
        let kind = match name {
            "LOGICAL_CROSS_PRODUCT" => Some(Kind::Inner),
            _ => Kind::parse(node["join_type"].as_str().unwrap_or_default()),
        };
        let Some(kind) = kind.filter(|_| is_plain) else { return self.unknown(node, name) };
        // Which row is the nearest is decided before a filter.
        let passes_down = kind == Kind::Inner && !is_asof;
        let left = self.child(node, 0, if passes_down { held } else { &[] });
        let below: Vec<Equality> =
            held.iter().filter(|_| passes_down).filter_map(|equality| moved_left(equality, left.width)).collect();
        let right = self.child(node, 1, &below);
        let mut equalities: Vec<Equality> = list(&node["conditions"]).iter().filter_map(condition).collect();
        let over_both = conjuncts(&node["condition"]).into_iter().filter_map(equality);
        let held = held.iter().filter(|_| passes_down).cloned();
        equalities.extend(over_both.chain(held).filter_map(|held| across(&held, left.width, right.width)));
        self.joined(kind, is_asof, left, right, &equalities)
    }

    fn joined(
        &mut self,
        kind: Kind,
        is_asof: bool,
        mut left: Relation,
        mut right: Relation,
        equalities: &[Equality],
    ) -> Relation {
        let (is_left_driving, is_right_driving) = (left.is_driving(), right.is_driving());
        if is_left_driving {
            self.look_up(&left, &mut right, equalities, kind, is_asof);
        }
        if is_right_driving {
            let flipped: Vec<Equality> = equalities.iter().map(Equality::flipped).collect();
            self.look_up(&right, &mut left, &flipped, kind, is_asof);
        }
        let join = Join { kind, is_asof, left: &left, right: &right, equalities };
        join.relation(&|restriction, index| self.name(restriction, index))
    }

    /// Rows that are told apart by `by` are joined with looked-up inputs: keeps where their keys come from. From here on what depends on
    /// such an input is known from that.
    fn look_up(
        &mut self,
        driving: &Relation,
        looked_up: &mut Relation,
        equalities: &[Equality],
        kind: Kind,
        is_asof: bool,
    ) {
        let names: Vec<String> = looked_up
            .parts
            .keys()
            .filter_map(|restriction| match restriction {
                Restriction::Lookup(name) => Some(name.clone()),
                Restriction::By | Restriction::Row => None,
            })
            .collect();
        for name in names {
            let Some(part) = looked_up.parts.remove(&Restriction::Lookup(name.clone())) else { continue };
            let outcome = match part {
                Part::Whole(reason) => Outcome::Doubt(reason),
                Part::Split(_) if is_asof => Outcome::Refusal(
                    "an as-of join takes the nearest row of it, which another row may replace".to_owned(),
                ),
                Part::Split(_) if kind == Kind::Mark && equalities.iter().any(|equality| !equality.is_null_safe) => {
                    Outcome::Doubt(format!(
                        "`in (select … from {name})` depends on all its rows; join it or write `exists`"
                    ))
                }
                Part::Split(values) => self.carriers(&name, driving, &values, equalities),
            };
            let found = self.found.entry(name).or_default();
            match outcome {
                Outcome::Carriers(carriers) => found.carriers.extend(carriers),
                Outcome::Doubt(reason) => found.doubt = found.doubt.take().or(Some(reason)),
                Outcome::Refusal(reason) => found.refusal = found.refusal.take().or(Some(reason)),
            }
        }
    }

    fn carriers(&self, name: &str, driving: &Relation, key: &[Vec<Value>], equalities: &[Equality]) -> Outcome {
        let key_columns = self.keys.get(name).cloned().unwrap_or_default();
        let mut places: Vec<Vec<usize>> = Vec::new();
        for (values, key_column) in key.iter().zip(&key_columns) {
            let equal: Vec<&Equality> = equalities.iter().filter(|equality| values.contains(&equality.right)).collect();
            if equal.is_empty() {
                return Outcome::Refusal(format!("the select does not join it by equality on {key_column}"));
            }
            // NULL has no counterpart in an equality, so a column that an outer join filled with NULL looks nothing up.
            let plain = equal.iter().filter(|equality| !equality.is_null_safe);
            places.push(plain.filter_map(|equality| place(&equality.left)).collect());
        }
        let mut carriers = BTreeSet::new();
        for branch in &driving.branches {
            let origins = |places: &Vec<usize>| -> Vec<&Origin> {
                places.iter().filter_map(|place| branch.get(*place)?.as_ref()).collect()
            };
            let origins: Vec<Vec<&Origin>> = places.iter().map(origins).collect();
            let readings: BTreeSet<(u64, &String)> =
                origins.iter().flatten().map(|origin| (origin.reading, &origin.input)).collect();
            let mut restricted = readings.into_iter().filter(|(_, input)| self.by.contains_key(*input));
            let carrier = restricted.find_map(|(reading, input)| {
                let of_reading = |origins: &Vec<&Origin>| {
                    origins.iter().find(|origin| origin.reading == reading).map(|origin| origin.column.clone())
                };
                let columns: Option<Vec<String>> = origins.iter().map(of_reading).collect();
                Some(Carrier { input: input.clone(), columns: columns? })
            });
            match carrier {
                Some(carrier) => carriers.insert(carrier),
                None => {
                    return Outcome::Doubt(format!(
                        "the key of {name} is compared with something else than columns of one input that has the columns of `by`"
                    ));
                }
            };
        }
        match carriers.is_empty() {
            true => Outcome::Doubt(format!("where the key of {name} comes from is not followed")),
            false => Outcome::Carriers(carriers),
        }
    }

    /// A subquery that is evaluated for every row around it.
    fn correlated(&mut self, node: &Value) -> Relation {
        let kind = Kind::parse(node["join_type"].as_str().unwrap_or_default());
        let is_plain = is_empty(&node["left_projection_map"]) && is_empty(&node["right_projection_map"]);
        let (Some(kind), true) = (kind, is_plain && node["delim_flipped"] != Value::Bool(true)) else {
            return self.unknown(node, "a correlated subquery");
        };
        let left = self.child(node, 0, &[]);
        let columns: Vec<Option<Value>> = list(&node["duplicate_eliminated_columns"]).iter().map(canonical).collect();
        let mut around = left.projected(&columns);
        around.parts = BTreeMap::from([(Restriction::Row, Part::Split(Vec::new()))]);
        self.around.push(around);
        let mut right = self.child(node, 1, &[]);
        self.around.pop();
        right.parts.remove(&Restriction::Row);
        let equalities: Vec<Equality> = list(&node["conditions"]).iter().filter_map(condition).collect();
        self.joined(kind, false, left, right, &equalities)
    }

    fn row_around(&mut self, node: &Value) -> Relation {
        let width = list(&node["chunk_types"]).len();
        match self.around.last() {
            Some(around) if around.width == width => around.clone(),
            _ => {
                let mut row = Relation::constant(width);
                row.parts.insert(Restriction::Row, Part::Split(Vec::new()));
                row.parts.insert(Restriction::By, Part::Whole("it has nested correlated subqueries".to_owned()));
                row
            }
        }
    }

    /// A relation of this width that depends on what its children do in a way that is not followed; a row around a subquery is.
    fn depending_on(&mut self, node: &Value, width: usize, what: &str) -> Relation {
        let children = list(&node["children"]).len();
        let mut relation = Relation::constant(width);
        for index in 0..children {
            let child = self.child(node, index, &[]);
            for restriction in child.parts.into_keys() {
                let part = match restriction {
                    Restriction::Row => Part::Split(Vec::new()),
                    _ => Part::Whole(format!("rows are arguments {what}")),
                };
                relation.parts.insert(restriction, part);
            }
        }
        relation
    }

    fn unknown(&mut self, node: &Value, kind: &str) -> Relation {
        let words = kind.trim_start_matches("LOGICAL_").replace('_', " ").to_lowercase();
        let reason = match words.as_str() {
            "limit" | "top n" => "`limit` looks at all rows".to_owned(),
            words => format!("the effect of this operator of the plan is not followed: {words}"),
        };
        let children: Vec<Relation> =
            (0..list(&node["children"]).len()).map(|index| self.child(node, index, &[]).opaque(&reason)).collect();
        let width = match (kind, children.first()) {
            ("LOGICAL_LIMIT" | "LOGICAL_TOP_N" | "LOGICAL_SAMPLE", Some(child)) => child.width,
            ("LOGICAL_RECURSIVE_CTE", _) => {
                node["column_count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
            }
            _ => {
                self.lost = Some(reason.clone());
                0
            }
        };
        let mut relation = Relation::constant(width);
        for child in children {
            relation.parts.extend(child.parts);
        }
        relation
    }
}

enum Outcome {
    Carriers(BTreeSet<Carrier>),
    Doubt(String),
    Refusal(String),
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_empty(value: &Value) -> bool {
    list(value).is_empty()
}

/// The parts of conditions that all hold.
fn conjuncts(conditions: &Value) -> Vec<&Value> {
    match conditions {
        Value::Array(all) => all.iter().flat_map(conjuncts).collect(),
        Value::Object(fields) if fields.get("type").and_then(Value::as_str) == Some("CONJUNCTION_AND") => {
            conjuncts(&conditions["children"])
        }
        Value::Object(_) => vec![conditions],
        _ => Vec::new(),
    }
}

/// Whether this comparison is an equality, and if so whether NULL equals NULL.
fn is_null_safe(comparison: &Value) -> Option<bool> {
    match comparison.as_str() {
        Some("COMPARE_EQUAL") => Some(false),
        Some("COMPARE_NOT_DISTINCT_FROM") => Some(true),
        _ => None,
    }
}

/// A condition of a join: the left side over the left columns, the right side over the right ones.
fn condition(condition: &Value) -> Option<Equality> {
    let is_null_safe = is_null_safe(&condition["comparison"])?;
    Some(Equality { left: canonical(&condition["left"])?, right: canonical(&condition["right"])?, is_null_safe })
}

/// A condition of a filter: both sides over all columns.
fn equality(condition: &Value) -> Option<Equality> {
    let is_null_safe = is_null_safe(&condition["type"])?;
    Some(Equality { left: canonical(&condition["left"])?, right: canonical(&condition["right"])?, is_null_safe })
}

/// A condition over two sides as one of a join, if each of its expressions is over one side.
fn across(held: &Equality, left: usize, right: usize) -> Option<Equality> {
    let on_left = |value: &Value| expression::replace(value, &|place| Some(column(place)).filter(|_| place < left));
    let on_right = |value: &Value| {
        let moved = |place: usize| place.checked_sub(left).filter(|place| *place < right).map(column);
        expression::replace(value, &moved)
    };
    let is_over_columns = expression::has_column(&held.left) && expression::has_column(&held.right);
    let pair = match is_over_columns {
        true => {
            on_left(&held.left).zip(on_right(&held.right)).or_else(|| on_left(&held.right).zip(on_right(&held.left)))
        }
        false => None,
    };
    pair.map(|(left, right)| Equality { left, right, is_null_safe: held.is_null_safe })
}

/// A condition over two sides as one over the right side alone.
fn moved_left(held: &Equality, left: usize) -> Option<Equality> {
    let moved = |value: &Value| expression::replace(value, &|place| place.checked_sub(left).map(column));
    Some(Equality { left: moved(&held.left)?, right: moved(&held.right)?, is_null_safe: held.is_null_safe })
}
