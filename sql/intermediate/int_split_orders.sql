-- One row per customer and order whose lines lie in more than one month: how many of the monthly counts are too many.
-- materialized: incremental
-- key: customer_code, order_key
-- by: order_key
with

sales as (

    select * from stg_sales

),

final as (

    select
        customer_code,
        order_key,
        count(distinct date_id // 100) - 1 as counted_too_often
    from sales
    where customer_code is not null and not is_return
    group by customer_code, order_key
    having min(date_id // 100) < max(date_id // 100)

)

select * from final
