//! From a query's syntax tree, as `json_serialize_sql` gives it, to what each column is computed from.
//!
//! What the tree does not tell without running the query (the columns of a pivot, `columns('regex')`, fields of a
//! struct) is unknown, never guessed.

use serde_json::Value;

use super::origin::Origins;
use super::scope::{Join, Output, Result, Scope};

/// The columns of a relation (`model` or `raw.source`), if there is one of this name.
pub type Catalog<'a> = dyn Fn(&str) -> Option<Vec<String>> + 'a;

/// Names that SQL takes for a value although they look like a column.
const VALUES: [&str; 10] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
    "current_role",
    "session_user",
    "current_catalog",
    "current_schema",
];

/// The result of the query whose node this is.
pub fn result(node: &Value, catalog: &Catalog<'_>) -> Result {
    Reader { catalog, expressions: Vec::new(), scopes: Vec::new(), aliases: Vec::new(), parameters: Vec::new() }
        .query(node)
}

struct Reader<'a> {
    catalog: &'a Catalog<'a>,
    /// Common table expressions that are visible here, innermost last.
    expressions: Vec<(String, Result)>,
    /// The `from` of this query and of those around it, innermost last.
    scopes: Vec<Scope>,
    /// Names that the select list gave to expressions, per scope: those further right may use them.
    aliases: Vec<Vec<(String, Origins)>>,
    /// Parameters of the lambdas around an expression.
    parameters: Vec<String>,
}

impl Reader<'_> {
    fn query(&mut self, node: &Value) -> Result {
        let depth = self.expressions.len();
        for entry in list(&node["cte_map"]["map"]) {
            let name = text(&entry["key"]);
            let inner = &entry["value"]["query"]["node"];
            let names = strings(&entry["value"]["aliases"]);
            let result = match text(&inner["type"]) {
                "RECURSIVE_CTE_NODE" => self.recursive(name, inner, &names),
                _ => self.query(inner).renamed(&names),
            };
            self.expressions.push((name.to_owned(), result));
        }
        let result = match text(&node["type"]) {
            "SELECT_NODE" => self.select(node),
            "SET_OPERATION_NODE" => {
                let (left, right) = (self.query(&node["left"]), self.query(&node["right"]));
                set_operation(text(&node["setop_type"]), left, right)
            }
            _ => Result::unknown(),
        };
        self.expressions.truncate(depth);
        result
    }

    /// Values travel round until nothing new comes.
    fn recursive(&mut self, name: &str, node: &Value, names: &[String]) -> Result {
        let mut result = self.query(&node["left"]).renamed(names);
        loop {
            self.expressions.push((name.to_owned(), result.clone()));
            let next = set_operation("UNION", result.clone(), self.query(&node["right"])).renamed(names);
            self.expressions.pop();
            if next.all() == result.all() && next.rows == result.rows {
                return next;
            }
            result = next;
        }
    }

    fn select(&mut self, node: &Value) -> Result {
        let scope = self.from(&node["from_table"]);
        let rows = scope.rows();
        self.scopes.push(scope);
        self.aliases.push(Vec::new());
        let mut columns = Some(Vec::new());
        for item in list(&node["select_list"]) {
            let outputs = self.select_item(item);
            columns = match (columns, outputs) {
                (Some(mut columns), Some(outputs)) => {
                    columns.extend(outputs);
                    Some(columns)
                }
                _ => None,
            };
        }
        self.aliases.pop();
        self.scopes.pop();
        Result { columns, rows }
    }

    fn select_item(&mut self, item: &Value) -> Option<Vec<Output>> {
        if text(&item["class"]) == "STAR" {
            return self.star(item);
        }
        if has_star(item) {
            return None;
        }
        let origins = self.expression(item);
        let alias = text(&item["alias"]);
        let name = match (alias, text(&item["class"])) {
            ("", "COLUMN_REF") => strings(&item["column_names"]).pop(),
            ("", _) => None,
            (alias, _) => Some(alias.to_owned()),
        };
        if let (false, Some(aliases)) = (alias.is_empty(), self.aliases.last_mut()) {
            aliases.push((alias.to_owned(), origins.clone()));
        }
        Some(vec![Output { name, origins }])
    }

    fn star(&mut self, item: &Value) -> Option<Vec<Output>> {
        if item["columns"] == Value::Bool(true) || !item["expr"].is_null() {
            return None;
        }
        let alias = Some(text(&item["relation_name"])).filter(|alias| !alias.is_empty());
        let scope = self.scopes.last()?.clone();
        let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let excluded = strings(&item["exclude_list"]);
        let mut outputs = Vec::new();
        for (table, mut output) in scope.star(alias)? {
            let name = output.name.clone().unwrap_or_default();
            let is_meant = |entry: &Value| {
                let (of, column) = (text(&entry["table"]), text(&entry["column"]));
                same(column, &name) && (of.is_empty() || same(of, &table))
            };
            if excluded.iter().any(|column| same(column, &name)) || list(&item["qualified_exclude_list"]).any(is_meant)
            {
                continue;
            }
            if let Some(entry) = list(&item["replace_list"]).find(|entry| same(text(&entry["key"]), &name)) {
                output.origins = self.expression(&entry["value"]);
            }
            if let Some(entry) = list(&item["rename_list"]).find(|entry| is_meant(&entry["key"])) {
                output.name = Some(text(&entry["value"]).to_owned());
            }
            outputs.push(output);
        }
        Some(outputs)
    }

    fn from(&mut self, node: &Value) -> Scope {
        let alias = text(&node["alias"]);
        let names = strings(&node["column_name_alias"]);
        match text(&node["type"]) {
            "EMPTY" | "EMPTY_FROM" => Scope::default(),
            "BASE_TABLE" => {
                let (schema, table) = (text(&node["schema_name"]), text(&node["table_name"]));
                let alias = if alias.is_empty() { table } else { alias };
                let schema = Some(schema).filter(|schema| !schema.is_empty());
                Scope::of(alias, schema, self.base_table(schema, table).renamed(&names))
            }
            "SUBQUERY" => Scope::of(alias, None, self.query(&node["subquery"]["node"]).renamed(&names)),
            "JOIN" => self.join(node),
            "EXPRESSION_LIST" => Scope::of(alias, None, self.values(node).renamed(&names)),
            "TABLE_FUNCTION" => {
                let function = text(&node["function"]["function_name"]);
                let alias = if alias.is_empty() { function } else { alias };
                let origins = self.expression(&node["function"]);
                let is_plain = matches!(function, "range" | "generate_series" | "unnest")
                    && text(&node["with_ordinality"]) != "WITH_ORDINALITY";
                let column = Output { name: Some(function.to_owned()), origins: origins.clone() };
                let columns = is_plain.then(|| vec![column]);
                Scope::of(alias, None, Result { columns, rows: origins }.renamed(&names))
            }
            _ => Scope::of(alias, None, Result::unknown()),
        }
    }

    fn base_table(&self, schema: Option<&str>, table: &str) -> Result {
        if schema.is_none()
            && let Some((_, result)) = self.expressions.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(table))
        {
            return result.clone();
        }
        let table = table.to_ascii_lowercase();
        let relation = schema.map_or_else(|| table.clone(), |schema| format!("{schema}.{table}"));
        match (self.catalog)(&relation) {
            Some(columns) => {
                let outputs = columns
                    .into_iter()
                    .map(|name| Output { origins: Origins::column(&relation, &name), name: Some(name) });
                Result { columns: Some(outputs.collect()), rows: Origins::rows(&relation) }
            }
            None => Result::unknown(),
        }
    }

    fn join(&mut self, node: &Value) -> Scope {
        let left = self.from(&node["left"]);
        // The right side may refer to the left one.
        self.scopes.push(left);
        self.aliases.push(Vec::new());
        let right = self.from(&node["right"]);
        self.aliases.pop();
        let left = self.scopes.pop().unwrap_or_default();
        let join = match text(&node["join_type"]) {
            "INNER" | "LEFT" => Join::Left,
            "RIGHT" => Join::Right,
            "SEMI" | "ANTI" => Join::LeftOnly,
            _ => Join::Full,
        };
        let using = match text(&node["ref_type"]) {
            "NATURAL" => left.common_names(&right),
            _ => Some(strings(&node["using_columns"])),
        };
        match using {
            Some(using) => left.join(right, join, &using),
            None => Scope::of("", None, Result::unknown()),
        }
    }

    fn values(&mut self, node: &Value) -> Result {
        let mut columns: Vec<Output> = Vec::new();
        for row in list(&node["values"]) {
            for (index, value) in list(row).enumerate() {
                let origins = self.expression(value);
                match columns.get_mut(index) {
                    Some(column) => column.origins.add(&origins),
                    None => columns.push(Output { name: Some(format!("col{index}")), origins }),
                }
            }
        }
        Result { columns: Some(columns), rows: Origins::default() }
    }

    fn expression(&mut self, node: &Value) -> Origins {
        match text(&node["class"]) {
            "COLUMN_REF" => self.column(&strings(&node["column_names"])),
            "CONSTANT" => Origins::default(),
            "STAR" | "POSITIONAL_REFERENCE" | "PARAMETER" => Origins::unknown(),
            "LAMBDA" => self.lambda(node),
            "SUBQUERY" => {
                let result = self.query(&node["subquery"]["node"]);
                let value = match text(&node["subquery_type"]) {
                    "EXISTS" | "NOT_EXISTS" => result.rows,
                    _ => result.all(),
                };
                value.and(&self.parts(&node["child"]))
            }
            "FUNCTION" => {
                let is_count = text(&node["function_name"]) == "count_star";
                let parts = self.parts_of(node);
                if is_count { parts.and(&self.rows()) } else { parts }
            }
            "WINDOW" => {
                let parts = self.parts_of(node);
                let counts = matches!(text(&node["function_name"]), "count" | "count_star")
                    && list(&node["children"]).next().is_none();
                // Without any column it numbers or counts rows.
                if counts || parts.is_constant() { parts.and(&self.rows()) } else { parts }
            }
            _ => self.parts_of(node),
        }
    }

    /// All expressions inside one.
    fn parts_of(&mut self, node: &Value) -> Origins {
        let mut origins = Origins::default();
        for value in node.as_object().into_iter().flat_map(|fields| fields.values()) {
            origins.add(&self.parts(value));
        }
        origins
    }

    fn parts(&mut self, value: &Value) -> Origins {
        match value {
            Value::Array(items) => items.iter().fold(Origins::default(), |all, item| all.and(&self.parts(item))),
            Value::Object(fields) if fields.contains_key("class") => self.expression(value),
            Value::Object(_) => self.parts_of(value),
            _ => Origins::default(),
        }
    }

    /// `lambda x: …`, and `j -> 'key'` of JSON, which is written alike.
    fn lambda(&mut self, node: &Value) -> Origins {
        let left = &node["lhs"];
        let references = match text(&left["class"]) {
            "COLUMN_REF" => vec![left],
            _ => list(&left["children"]).collect(),
        };
        let names: Vec<String> = references.into_iter().flat_map(|item| strings(&item["column_names"])).collect();
        if !names.iter().any(|name| mentions(&node["expr"], name)) {
            return self.expression(left).and(&self.expression(&node["expr"]));
        }
        let depth = self.parameters.len();
        self.parameters.extend(names);
        let origins = self.expression(&node["expr"]);
        self.parameters.truncate(depth);
        origins
    }

    fn column(&self, names: &[String]) -> Origins {
        let parts: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(first) = parts.first() else { return Origins::unknown() };
        if self.parameters.iter().any(|known| known.eq_ignore_ascii_case(first)) {
            return Origins::default();
        }
        for (scope, aliases) in self.scopes.iter().zip(&self.aliases).rev() {
            if let Some(origins) = scope.column(&parts) {
                return origins;
            }
            if let Some((_, origins)) = aliases.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(first)) {
                return origins.clone();
            }
            if let Some(origins) = scope.whole_row(first) {
                return origins;
            }
        }
        match (parts.len(), first.to_ascii_lowercase().as_str()) {
            (1, "rowid") => self.rows(),
            (1, name) if VALUES.contains(&name) => Origins::default(),
            _ => Origins::unknown(),
        }
    }

    /// The relations whose rows make the rows of the query at hand.
    fn rows(&self) -> Origins {
        self.scopes.last().map(Scope::rows).unwrap_or_default()
    }
}

fn set_operation(kind: &str, left: Result, right: Result) -> Result {
    let rows = left.rows.clone().and(&right.rows);
    let columns = match (kind, left.columns, right.columns) {
        ("UNION", Some(mut columns), Some(others)) if columns.len() == others.len() => {
            for (column, other) in columns.iter_mut().zip(&others) {
                column.origins.add(&other.origins);
            }
            Some(columns)
        }
        ("UNION_BY_NAME", Some(mut columns), Some(others)) => {
            for other in others {
                let same = |column: &&mut Output| match (&column.name, &other.name) {
                    (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                    _ => false,
                };
                match columns.iter_mut().find(same) {
                    Some(column) => column.origins.add(&other.origins),
                    None => columns.push(other),
                }
            }
            Some(columns)
        }
        // What stays are rows of the left side.
        ("EXCEPT" | "INTERSECT", columns, _) => columns,
        _ => None,
    };
    Result { columns, rows }
}

/// Does an expression hold a `*` that stands for columns?
fn has_star(node: &Value) -> bool {
    match node {
        Value::Object(fields) => {
            let class = fields.get("class").and_then(Value::as_str).unwrap_or_default();
            // A subquery's star is its own.
            class == "STAR" || (class != "SUBQUERY" && fields.values().any(has_star))
        }
        Value::Array(items) => items.iter().any(has_star),
        _ => false,
    }
}

/// Does an expression refer to this name?
fn mentions(node: &Value, name: &str) -> bool {
    match node {
        Value::Object(fields) => {
            let first = fields.get("column_names").and_then(|names| names[0].as_str());
            first.is_some_and(|first| first.eq_ignore_ascii_case(name))
                || fields.values().any(|value| mentions(value, name))
        }
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        _ => false,
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn strings(value: &Value) -> Vec<String> {
    list(value).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
