-- One row per sale line, latest version wins. `_file` says up to which file the model is.
{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='transaction_id') }}

with source as (

    select * from {{ source('raw', 'sales') }}
    {% if is_incremental() %}
    where _file > (select max(_file) from {{ this }})
    {% endif %}

),

latest as (

    select *
    from source
    qualify row_number() over (partition by transaction_id order by _file desc) = 1

),

signed as (

    select
        transaction_id,
        order_id,
        sold_at,
        product_id as product_code,
        product_name,
        category,
        customer_id as customer_code,
        customer_name,
        region,
        city,
        store,
        unit_price,
        quantity,
        coalesce(revenue, cast(cast(quantity as decimal(28, 4)) * unit_price as decimal(18, 4))) as revenue,
        cost,
        quantity < 0 or revenue < 0 as is_return,
        _file
    from latest

)

select
    transaction_id,
    order_id,
    sold_at,
    product_code,
    product_name,
    category,
    customer_code,
    customer_name,
    region,
    city,
    store,
    quantity,
    unit_price,
    revenue,
    cost,
    cast(revenue - cost as decimal(18, 4)) as profit,
    case
        when revenue <> 0 then cast(cast(revenue - cost as double) / cast(revenue as double) as decimal(18, 6))
    end as margin,
    coalesce(is_return, false) as is_return,
    _file
from signed
