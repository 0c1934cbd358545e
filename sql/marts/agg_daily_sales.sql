-- One row per day, place and category: what the trend and the regional pages read.
-- Profit is that of the lines whose cost is known; their revenue stands beside it, so that a margin over them is right.
-- materialized: incremental
-- key: date_id, region_id, category
-- by: date_id, region_id
-- lookup: dim_product
with

sales as (

    select * from fact_sales

),

products as (

    select * from dim_product

),

final as (

    select
        sales.date_id,
        sales.region_id,
        products.category,
        count(*) as sale_lines,
        count(distinct sales.order_key) filter (where not sales.is_return) as orders,
        cast(sum(sales.quantity) as decimal(18, 4)) as quantity,
        money(sum(sales.discount_amount)) as discount_amount,
        money(sum(sales.revenue)) as revenue,
        money(sum(sales.profit)) as profit,
        money(coalesce(sum(sales.revenue) filter (where sales.cost is not null), 0)) as revenue_with_cost
    from sales
    inner join products using (product_id)
    group by sales.date_id, sales.region_id, products.category

)

select * from final
