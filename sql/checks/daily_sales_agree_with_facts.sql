-- The daily aggregate holds the same lines and the same money as the facts, day by day.
-- by: date_id
with

facts as (

    select
        date_id,
        count(*) as sale_lines,
        sum(revenue) as revenue,
        sum(profit) as profit
    from fact_sales
    group by date_id

),

aggregated as (

    select
        date_id,
        sum(sale_lines) as sale_lines,
        sum(revenue) as revenue,
        sum(profit) as profit
    from agg_daily_sales
    group by date_id

)

select
    date_id,
    aggregated.sale_lines,
    facts.sale_lines as fact_lines,
    aggregated.revenue,
    facts.revenue as fact_revenue
from facts
full join aggregated using (date_id)
where (
    aggregated.sale_lines = facts.sale_lines
    and aggregated.revenue = facts.revenue
    and aggregated.profit is not distinct from facts.profit
) is not true
