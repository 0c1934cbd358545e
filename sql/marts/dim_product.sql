-- One row per product; its name and category are those of its latest sale that states them. Lines without a product code that state
-- a category or a name have a product of these, whose code begins with '(no code)'.
-- Row 0 is the unknown product.
-- key: product_id
with

days as (

    select * from int_daily_products

),

named as (

    select
        product_code,
        max_by(product_name, named_by) filter (where product_name is not null) as product_name,
        max_by(category, categorised_by) filter (where category is not null) as category
    from days
    group by product_code

),

final as (

    select
        surrogate_key(product_code) as product_id,
        product_code,
        coalesce(product_name, product_code) as product_name,
        coalesce(category, 'Unknown') as category
    from named

    union all

    select
        cast(0 as bigint) as product_id,
        cast(null as varchar) as product_code,
        'Unknown' as product_name,
        'Unknown' as category

)

select * from final
