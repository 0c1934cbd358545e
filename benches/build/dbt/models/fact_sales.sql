-- One row per sale line.
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='transaction_id') }}

select
    cast(year(sold_at) * 10000 + month(sold_at) * 100 + day(sold_at) as integer) as date_id,
    {{ surrogate_key('transaction_id') }} as sale_id,
    {{ surrogate_key('product_code') }} as product_id,
    {{ surrogate_key('customer_code') }} as customer_id,
    {{ surrogate_key("concat_ws(chr(31), coalesce(region, ''), coalesce(city, ''), coalesce(store, ''))") }} as region_id,
    transaction_id,
    order_id,
    cast(quantity as decimal(18, 4)) as quantity,
    cast(unit_price as decimal(18, 4)) as unit_price,
    cast(revenue as decimal(18, 4)) as revenue,
    cast(cost as decimal(18, 4)) as cost,
    profit,
    margin,
    is_return,
    cast(sold_at as timestamp) as created_at,
    _file
from {{ ref('stg_sales') }}
{% if is_incremental() %}
where _file > (select max(_file) from {{ this }})
{% endif %}
