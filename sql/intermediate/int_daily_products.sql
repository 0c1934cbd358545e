-- One row per day and product: name and category as the day's last sale that states them has them, and which sale that was.
-- The products themselves are made of this, so that a day costs no look at the whole history.
-- materialized: incremental
-- key: date_id, product_code
-- cluster: date_id
with

sales as (

    select * from stg_sales

),

moments as (

    select
        date_id,
        product_code,
        product_name,
        category,
        {'sold_at': sold_at, 'transaction_id': transaction_id} as sale
    from sales
    where product_code is not null

),

final as (

    select
        date_id,
        product_code,
        max_by(product_name, sale) filter (where product_name is not null) as product_name,
        max(sale) filter (where product_name is not null) as named_by,
        max_by(category, sale) filter (where category is not null) as category,
        max(sale) filter (where category is not null) as categorised_by
    from moments
    group by date_id, product_code

)

select * from final
