-- One row per month and product.
select
    cast(date_id // 100 as integer) as month_id,
    product_id,
    count(*) as sale_lines,
    count(distinct order_id) filter (where not is_return) as orders,
    cast(sum(quantity) as decimal(18, 4)) as quantity,
    cast(sum(revenue) as decimal(18, 4)) as revenue,
    cast(sum(profit) as decimal(18, 4)) as profit,
    cast(coalesce(sum(revenue) filter (where cost is not null), 0) as decimal(18, 4)) as revenue_with_cost
from {{ ref('fact_sales') }}
group by all
