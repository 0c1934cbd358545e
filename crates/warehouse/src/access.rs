//! The rights of the role `salesmart_reader`. Migrations give them, if the role is there or the login may make it; a role that is made
//! later has none of them until [`grant`] is called.

use anyhow::{Context, Result};
use postgres::Client;
use postgres::error::SqlState;
use salesmart_base::fail;

/// The role whose members read for dashboards.
pub const READER: &str = "salesmart_reader";

/// What [`grant`] runs.
const GRANTS: &str = include_str!("access.sql");

/// Tables whose rows are kept apart by region.
const BY_REGION: [&str; 6] =
    ["dim_region", "fact_sales", "agg_daily_sales", "dim_customer", "agg_monthly_product", "agg_customer_cohort"];

/// The state of the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// There is no such role.
    NoRole,
    /// It lacks these rights and policies.
    Lacks(Vec<String>),
    /// It has all that the migrations give.
    Whole,
}

/// Looks at the role. `None` if the warehouse has no tables yet.
pub fn find(client: &mut Client) -> Result<Option<Access>> {
    let is_made: bool = client
        .query_one("select to_regclass('mart.fact_sales') is not null and to_regclass('etl.run') is not null", &[])?
        .get(0);
    if !is_made {
        return Ok(None);
    }
    if !has_role(client)? {
        return Ok(Some(Access::NoRole));
    }
    let rows = client.query(
        "select 'usage on schema ' || name from unnest(array['mart', 'etl']) as name where not has_schema_privilege($1, name, 'usage')
         union all
         select 'select on ' || oid::regclass::text from pg_class
         where (relnamespace = 'mart'::regnamespace and relkind in ('r', 'p', 'v', 'm') and not relispartition
                or oid in ('etl.sync_run'::regclass, 'etl.run'::regclass))
             and not has_table_privilege($1, oid, 'select')
         union all
         select 'select on tables that will be made in schema mart'
         where not exists (
             select from pg_default_acl, aclexplode(defaclacl) as acl
             where defaclnamespace = 'mart'::regnamespace and defaclobjtype = 'r' and acl.privilege_type = 'SELECT'
                 and acl.grantee in (0, (select oid from pg_roles where rolname = $1)))
         union all
         select 'the policies salesmart_everybody and salesmart_regions on mart.' || name from unnest($2::text[]) as name
         where to_regclass('mart.' || name) is not null
             and (select count(*) from pg_policy where polrelid = to_regclass('mart.' || name)
                      and polname in ('salesmart_everybody', 'salesmart_regions')) < 2",
        &[&READER, &BY_REGION.as_slice()],
    )?;
    let lacking: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(Some(if lacking.is_empty() { Access::Whole } else { Access::Lacks(lacking) }))
}

/// Makes the role, if it is not there, and gives it what it lacks. Nothing happens to what it has.
///
/// # Errors
/// A login that may not make the role, with the statement for somebody who may; and one that does not own the tables.
pub fn grant(client: &mut Client) -> Result<()> {
    if !has_role(client)? {
        match client.batch_execute(&format!("create role {READER} nologin")) {
            // Another database of the server may be making it.
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_OBJECT) => {}
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => fail!(
                "there is no role {READER}, and this login may not make it; have an administrator run\n  create role {READER} nologin;\n\
                 then run `salesmart migrate --grants` again"
            ),
            made => made.context("cannot make the role")?,
        }
    }
    let mut transaction = client.transaction()?;
    transaction
        .batch_execute(GRANTS)
        .with_context(|| format!("cannot give {READER} its rights; this takes the owner of the tables"))?;
    Ok(transaction.commit()?)
}

fn has_role(client: &mut Client) -> Result<bool> {
    Ok(client.query_one("select exists (select from pg_roles where rolname = $1)", &[&READER])?.get(0))
}
