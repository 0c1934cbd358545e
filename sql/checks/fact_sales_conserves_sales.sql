-- Every line of stg_sales, with all its money, is in fact_sales.
with

staged as (

    select count(*) as line_count, coalesce(sum(quantity), 0) as quantity, coalesce(sum(revenue), 0) as revenue, coalesce(sum(cost), 0) as cost, coalesce(sum(profit), 0) as profit
    from stg_sales

),

facts as (

    select count(*) as line_count, coalesce(sum(quantity), 0) as quantity, coalesce(sum(revenue), 0) as revenue, coalesce(sum(cost), 0) as cost, coalesce(sum(profit), 0) as profit
    from fact_sales

)

select
    staged.line_count as staged_lines,
    facts.line_count as fact_lines,
    staged.revenue as staged_revenue,
    facts.revenue as fact_revenue
from staged
cross join facts
where (
    staged.line_count = facts.line_count
    and staged.quantity = facts.quantity
    and staged.revenue = facts.revenue
    and staged.cost = facts.cost
    and staged.profit = facts.profit
) is not true
