-- One row per product; name and category are those of its latest sale that states them.
with named as (

    select
        product_code,
        max_by(product_name, (sold_at, transaction_id)) filter (where product_name is not null) as product_name,
        max_by(category, (sold_at, transaction_id)) filter (where category is not null) as category
    from {{ ref('stg_sales') }}
    where product_code is not null
    group by product_code

)

select
    {{ surrogate_key('product_code') }} as product_id,
    product_code,
    coalesce(product_name, product_code) as product_name,
    coalesce(category, 'Unknown') as category
from named

union all

select 0, null, 'Unknown', 'Unknown'
