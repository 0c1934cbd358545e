-- One row per month (yyyymm) and product: what the product pages read.
-- materialized: incremental
-- key: month_id, product_id
-- by: date_id // 100 as month_id, product_id
with

sales as (

    select * from fact_sales

),

final as (

    select
        cast(date_id // 100 as integer) as month_id,
        product_id,
        count(*) as sale_lines,
        count(distinct order_key) filter (where not is_return) as orders,
        cast(sum(quantity) as decimal(18, 4)) as quantity,
        money(sum(discount_amount)) as discount_amount,
        money(sum(revenue)) as revenue,
        money(sum(profit)) as profit,
        money(coalesce(sum(revenue) filter (where cost is not null), 0)) as revenue_with_cost
    from sales
    group by date_id // 100, product_id

)

select * from final
