-- One row per sale line.
-- materialized: incremental
-- key: sale_id
-- by: transaction_id
-- partition: date_id
with

sales as (

    select * from stg_sales

),

final as (

    select
        date_id,
        surrogate_key(transaction_id) as sale_id,
        surrogate_key(product_code) as product_id,
        surrogate_key(customer_code) as customer_id,
        case
            when coalesce(region, city, store) is null then 0
            else surrogate_key(concat_ws(chr(31), coalesce(region, ''), coalesce(city, ''), coalesce(store, '')))
        end as region_id,
        transaction_id,
        order_id,
        order_key,
        cast(quantity as decimal(18, 4)) as quantity,
        money(unit_price) as unit_price,
        money(discount_amount) as discount_amount,
        money(revenue) as revenue,
        money(cost) as cost,
        money(profit) as profit,
        cast(margin as decimal(18, 6)) as margin,
        is_return,
        cast(sold_at as timestamp) as created_at
    from sales

)

select * from final
