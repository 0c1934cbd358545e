//! What a `from` makes visible to the expressions beside it.

use super::origin::Origins;

/// A column of a query's result.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name; `None` for an expression that the query does not name.
    pub name: Option<String>,
    /// What it is computed from.
    pub origins: Origins,
}

/// A query's result.
#[derive(Debug, Clone)]
pub struct Result {
    /// Its columns; `None` if it cannot be told which there are.
    pub columns: Option<Vec<Output>>,
    /// The relations whose rows make its rows.
    pub rows: Origins,
}

impl Result {
    /// A result of which nothing is known.
    pub fn unknown() -> Self {
        Self { columns: None, rows: Origins::unknown() }
    }

    /// All that its columns are computed from.
    pub fn all(&self) -> Origins {
        match &self.columns {
            Some(columns) => columns.iter().fold(Origins::default(), |all, column| all.and(&column.origins)),
            None => Origins::unknown(),
        }
    }

    /// The first columns get other names.
    pub fn renamed(mut self, names: &[String]) -> Self {
        for (column, name) in self.columns.iter_mut().flatten().zip(names) {
            column.name = Some(name.clone());
        }
        self
    }
}

/// A table of a `from`, by the name it has there.
#[derive(Debug, Clone)]
struct Relation {
    alias: String,
    schema: Option<String>,
    columns: Option<Vec<Visible>>,
    rows: Origins,
}

#[derive(Debug, Clone)]
struct Visible {
    name: Option<String>,
    origins: Origins,
    /// Under `using` the columns of one name are one: this is what it is computed from.
    shared: Option<Origins>,
    /// It is the other one of a `using`: visible only with its table's name.
    is_hidden: bool,
}

impl Visible {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
    }

    fn plain(&self) -> Origins {
        self.shared.clone().unwrap_or_else(|| self.origins.clone())
    }
}

/// How two tables are joined, as far as columns are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// The left value is the value: inner and left joins.
    Left,
    /// The right value is.
    Right,
    /// Whichever is there.
    Full,
    /// Only the left table is visible: semi and anti joins.
    LeftOnly,
}

/// The tables of a `from`.
#[derive(Debug, Clone, Default)]
pub struct Scope(Vec<Relation>);

impl Scope {
    /// One table.
    pub fn of(alias: &str, schema: Option<&str>, result: Result) -> Self {
        let visible =
            |output: Output| Visible { name: output.name, origins: output.origins, shared: None, is_hidden: false };
        let columns = result.columns.map(|columns| columns.into_iter().map(visible).collect());
        Self(vec![Relation { alias: alias.to_owned(), schema: schema.map(str::to_owned), columns, rows: result.rows }])
    }

    /// Two sides of a join; `using` names the columns that are one.
    pub fn join(mut self, mut right: Self, join: Join, using: &[String]) -> Self {
        for name in using {
            let left_value = self.unqualified(name).unwrap_or_else(Origins::unknown);
            let right_value = right.unqualified(name).unwrap_or_else(Origins::unknown);
            let shared = match join {
                Join::Left | Join::LeftOnly => left_value,
                Join::Right => right_value,
                Join::Full => left_value.and(&right_value),
            };
            for column in self.visible_mut(name) {
                column.shared = Some(shared.clone());
            }
            for column in right.visible_mut(name) {
                column.is_hidden = true;
            }
        }
        if join != Join::LeftOnly {
            self.0.append(&mut right.0);
        }
        self
    }

    /// The names that both sides of a natural join have; `None` if it cannot be told.
    pub fn common_names(&self, other: &Self) -> Option<Vec<String>> {
        if self.is_open() || other.is_open() {
            return None;
        }
        let names = self.0.iter().flat_map(|relation| relation.columns.iter().flatten());
        let visible = names.filter(|column| !column.is_hidden).filter_map(|column| column.name.clone());
        Some(visible.filter(|name| other.unqualified(name).is_some()).collect())
    }

    /// The relations whose rows make the rows of this `from`.
    pub fn rows(&self) -> Origins {
        self.0.iter().fold(Origins::default(), |rows, relation| rows.and(&relation.rows))
    }

    /// What `*`, or `alias.*`, stands for; `None` if it cannot be told.
    pub fn star(&self, alias: Option<&str>) -> Option<Vec<(String, Output)>> {
        let mut outputs = Vec::new();
        let is_meant = |relation: &&Relation| alias.is_none_or(|alias| relation.alias.eq_ignore_ascii_case(alias));
        for relation in self.0.iter().filter(is_meant) {
            for column in relation.columns.as_ref()? {
                let (skip, origins) = match alias {
                    Some(_) => (false, column.origins.clone()),
                    None => (column.is_hidden, column.plain()),
                };
                if !skip {
                    outputs.push((relation.alias.clone(), Output { name: column.name.clone(), origins }));
                }
            }
        }
        // A struct's fields, as in `column.*`, cannot be told.
        (!outputs.is_empty()).then_some(outputs)
    }

    /// A column reference; `None` if this `from` has no such column.
    pub fn column(&self, parts: &[&str]) -> Option<Origins> {
        let named = |alias: &str| self.0.iter().find(|relation| relation.alias.eq_ignore_ascii_case(alias));
        if let [first, second, ..] = parts
            && let Some(relation) = named(first)
        {
            // With its schema, where what follows the table's name is the column.
            let name = match (&relation.schema, parts) {
                (Some(schema), [_, _, third, ..]) if schema.eq_ignore_ascii_case(first) => third,
                _ => second,
            };
            match &relation.columns {
                Some(columns) => {
                    if let Some(column) = columns.iter().find(|column| column.is(name)) {
                        return Some(column.origins.clone());
                    }
                }
                None => return Some(Origins::unknown()),
            }
        }
        if let [schema, table, name, ..] = parts {
            let is_it = |relation: &&Relation| {
                relation.schema.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(schema))
                    && relation.alias.eq_ignore_ascii_case(table)
            };
            if let Some(columns) = self.0.iter().find(is_it).and_then(|relation| relation.columns.as_ref())
                && let Some(column) = columns.iter().find(|column| column.is(name))
            {
                return Some(column.origins.clone());
            }
        }
        // A column, or a field of one.
        parts.first().and_then(|name| self.unqualified(name))
    }

    /// A table's name in place of a column: the whole row.
    pub fn whole_row(&self, alias: &str) -> Option<Origins> {
        let relation = self.0.iter().find(|relation| relation.alias.eq_ignore_ascii_case(alias))?;
        Some(match &relation.columns {
            Some(columns) => columns.iter().fold(Origins::default(), |all, column| all.and(&column.origins)),
            None => Origins::unknown(),
        })
    }

    /// Whether a table's columns cannot be told, so that any name may be one of them.
    pub fn is_open(&self) -> bool {
        self.0.iter().any(|relation| relation.columns.is_none())
    }

    fn unqualified(&self, name: &str) -> Option<Origins> {
        let columns = self.0.iter().flat_map(|relation| relation.columns.iter().flatten());
        let mut found = columns.filter(|column| !column.is_hidden && column.is(name));
        match (found.next(), found.next()) {
            (Some(column), None) => Some(column.plain()),
            // DuckDB would not take it: the scope was misunderstood.
            (Some(_), Some(_)) => Some(Origins::unknown()),
            (None, _) => self.is_open().then(Origins::unknown),
        }
    }

    fn visible_mut(&mut self, name: &str) -> impl Iterator<Item = &mut Visible> {
        let columns = self.0.iter_mut().flat_map(|relation| relation.columns.iter_mut().flatten());
        columns.filter(move |column| !column.is_hidden && column.is(name))
    }
}
