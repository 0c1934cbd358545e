-- One row per day and product: name and category as the day's last sale that states them has them, and which sale that was.
-- The products themselves are made of this, so that a day costs no look at the whole history.
-- materialized: incremental
-- key: date_id, product_code
-- cluster: date_id
with

sales as (

    select * from stg_sales

),

ranked as (

    select
        date_id,
        product_code,
        product_name,
        category,
        {'sold_at': sold_at, 'transaction_id': transaction_id} as sale,
        row_number() over (
            partition by date_id, product_code
            order by product_name is null, sold_at desc nulls last, transaction_id desc nulls last
        ) as name_rank,
        row_number() over (
            partition by date_id, product_code
            order by category is null, sold_at desc nulls last, transaction_id desc nulls last
        ) as category_rank
    from sales
    where product_code is not null

),

named as (

    select
        date_id,
        product_code,
        product_name,
        case when product_name is not null then sale end as named_by
    from ranked
    where name_rank = 1

),

categorised as (

    select
        date_id,
        product_code,
        category,
        case when category is not null then sale end as categorised_by
    from ranked
    where category_rank = 1

),

final as (

    select
        named.date_id,
        named.product_code,
        named.product_name,
        named.named_by,
        categorised.category,
        categorised.categorised_by
    from named
    inner join categorised
        on
            named.date_id is not distinct from categorised.date_id
            and named.product_code = categorised.product_code

)

select * from final
