-- One row per day, place and category.
select
    sales.date_id,
    sales.region_id,
    products.category,
    count(*) as sale_lines,
    count(distinct sales.order_id) filter (where not sales.is_return) as orders,
    cast(sum(sales.quantity) as decimal(18, 4)) as quantity,
    cast(sum(sales.revenue) as decimal(18, 4)) as revenue,
    cast(sum(sales.profit) as decimal(18, 4)) as profit,
    cast(coalesce(sum(sales.revenue) filter (where sales.cost is not null), 0) as decimal(18, 4)) as revenue_with_cost
from {{ ref('fact_sales') }} as sales
inner join {{ ref('dim_product') }} as products using (product_id)
group by all
