-- The aggregates hold the same lines and the same money as the facts.
with

facts as (

    select count(*) as sale_lines, coalesce(sum(revenue), 0) as revenue, coalesce(sum(profit), 0) as profit
    from fact_sales

),

aggregates as (

    select 'agg_daily_sales' as aggregate, coalesce(sum(sale_lines), 0) as sale_lines, coalesce(sum(revenue), 0) as revenue, coalesce(sum(profit), 0) as profit
    from agg_daily_sales

    union all

    select 'agg_monthly_product', coalesce(sum(sale_lines), 0), coalesce(sum(revenue), 0), coalesce(sum(profit), 0)
    from agg_monthly_product

)

select
    aggregates.aggregate,
    aggregates.sale_lines,
    facts.sale_lines as fact_lines,
    aggregates.revenue,
    facts.revenue as fact_revenue
from aggregates
cross join facts
where (
    aggregates.sale_lines = facts.sale_lines
    and aggregates.revenue = facts.revenue
    and aggregates.profit = facts.profit
) is not true
