-- One row per order line of the Superstore sample. A line that agrees with an earlier one in everything but its
-- number was written twice; it stays, marked.
-- key: line_id
with

source as (

    select * from raw.superstore_semicolon

),

final as (

    select
        row_id as line_id,
        order_id,
        ordered_on as sold_on,
        customer_id,
        postal_code,
        region,
        category,
        product_id,
        product_name,
        quantity,
        sales as revenue,
        profit,
        row_number() over (
            partition by
                order_id,
                ordered_on,
                shipped_on,
                ship_mode,
                customer_id,
                customer_name,
                segment,
                country,
                city,
                state,
                postal_code,
                region,
                product_id,
                category,
                sub_category,
                product_name,
                sales,
                quantity,
                discount,
                profit
            order by row_id
        ) > 1 as is_repeated
    from source

)

select * from final
