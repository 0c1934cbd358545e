//! Restricts a transaction to a scope, and verifies that PostgreSQL enforces it.
//!
//! Every transaction does both: row-level security can be disabled and a role can be added at any time, and a connection pooler may run
//! each transaction in another session.

use anyhow::Result;
use deadpool_postgres::Transaction;

use super::super::{Scope, ScopeNotEnforced};

/// The tables whose rows belong to regions or sum them up.
pub const BY_REGION: [&str; 6] =
    ["dim_region", "fact_sales", "agg_daily_sales", "dim_customer", "agg_monthly_product", "agg_customer_cohort"];

/// Before each name in the setting `salesmart.regions`, so that no list of names is the empty text, which restricts nothing.
const MARK: &str = "\u{1f}";

const ROLE: &str = "set local role salesmart_reader;
    set local statement_timeout = '60s';
    set local idle_in_transaction_session_timeout = 0";

/// Tables whose rows are not restricted: row-level security is disabled or bypassed, or the policy is missing or ignores the setting.
const OPEN_TABLES: &str = "select kept.name
    from unnest($1::text[]) as kept (name)
    where not row_security_active(format('mart.%I', kept.name))
        or not exists (
            select
            from pg_policies
            where schemaname = 'mart'
                and tablename = kept.name
                and policyname = 'salesmart_regions'
                and permissive = 'RESTRICTIVE'
                and cmd in ('SELECT', 'ALL')
                and 'salesmart_reader' = any(roles)
                and qual like '%current_setting(''salesmart.regions''%'
        )
    order by kept.name";

/// Counts visible regions outside the scope.
const OTHER_REGIONS: &str = "select count(*) from mart.dim_region where not coalesce(region = any($1::text[]), false)";

/// Sets role and regions for this transaction, then verifies them.
///
/// # Errors
/// [`ScopeNotEnforced`] if PostgreSQL does not enforce the scope.
pub(super) async fn apply(transaction: &Transaction<'_>, scope: &Scope) -> Result<()> {
    transaction.batch_execute(ROLE).await?;
    let names: &[String] = match scope {
        Scope::Everything => &[],
        Scope::Regions(names) => names,
    };
    let setting = match scope {
        Scope::Everything => String::new(),
        // Who is kept to no region at all sees none of them.
        Scope::Regions(_) if names.is_empty() => MARK.to_owned(),
        Scope::Regions(_) => names.iter().flat_map(|name| [MARK, name]).collect(),
    };
    let role: String = transaction
        .query_one("select current_user::text, set_config('salesmart.regions', $1, true)", &[&setting])
        .await?
        .try_get(0)?;
    if role != "salesmart_reader" {
        return Err(ScopeNotEnforced(format!("the role is {role} instead of salesmart_reader")).into());
    }
    if *scope == Scope::Everything {
        return Ok(());
    }
    let open = transaction.query(OPEN_TABLES, &[&BY_REGION.as_slice()]).await?;
    let open: Vec<String> = open.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if !open.is_empty() {
        return Err(
            ScopeNotEnforced(format!("row-level security is not active for mart.{}", open.join(", mart."))).into()
        );
    }
    let others: i64 = transaction.query_one(OTHER_REGIONS, &[&names]).await?.try_get(0)?;
    if others > 0 {
        return Err(ScopeNotEnforced(format!("mart.dim_region shows {others} rows of other regions")).into());
    }
    Ok(())
}
