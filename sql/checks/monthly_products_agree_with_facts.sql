-- The monthly aggregate holds the same lines and the same money as the facts, month by month.
-- by: date_id // 100 as month_id
with

facts as (

    select
        cast(date_id // 100 as integer) as month_id,
        count(*) as sale_lines,
        sum(discount_amount) as discount_amount,
        sum(revenue) as revenue,
        sum(profit) as profit
    from fact_sales
    group by date_id // 100

),

aggregated as (

    select
        month_id,
        sum(sale_lines) as sale_lines,
        sum(discount_amount) as discount_amount,
        sum(revenue) as revenue,
        sum(profit) as profit
    from agg_monthly_product
    group by month_id

)

select
    month_id,
    case
        when aggregated.sale_lines is null then 'not in agg_monthly_product'
        when facts.sale_lines is null then 'not in fact_sales'
        else concat_ws(
            ', ',
            case when aggregated.sale_lines is distinct from facts.sale_lines then 'sale_lines' end,
            case when aggregated.discount_amount is distinct from facts.discount_amount then 'discount_amount' end,
            case when aggregated.revenue is distinct from facts.revenue then 'revenue' end,
            case when aggregated.profit is distinct from facts.profit then 'profit' end
        )
    end as differs,
    aggregated.sale_lines,
    facts.sale_lines as fact_lines,
    aggregated.discount_amount,
    facts.discount_amount as fact_discount_amount,
    aggregated.revenue,
    facts.revenue as fact_revenue,
    aggregated.profit,
    facts.profit as fact_profit
from facts
full join aggregated using (month_id)
where (
    aggregated.sale_lines = facts.sale_lines
    and aggregated.discount_amount = facts.discount_amount
    and aggregated.revenue = facts.revenue
    and aggregated.profit is not distinct from facts.profit
) is not true
