-- One row per order line of the classic sales sample. Prices are capped at 100 in the source, so that quantity times
-- price is often not the amount; the stated amount is the revenue.
-- key: order_id, line_number
with

source as (

    select * from raw.sales_data_sample

),

final as (

    select
        order_number as order_id,
        line_number,
        ordered_on as sold_on,
        customer_name as customer,
        product_code as product_id,
        status,
        territory,
        quantity,
        sales as revenue,
        quantity * price_each <> sales as is_capped
    from source

)

select * from final
