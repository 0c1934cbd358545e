-- One row per sale line (transaction), latest version wins: the line in the later file, then further down in it.
-- Everything downstream reads this shape and nothing else; another source needs its own contract and this file.
--
-- Revenue that the file leaves out is quantity times unit price, rounded to four places.
-- Unknown cost gives NULL profit and margin. Unknown customer, category and place stay NULL here.
-- Returns stay in: a line with negative quantity or negative revenue is a return (is_return), and its quantity,
-- revenue, cost and profit count negatively, so that sums are net. A return never counts as an order.
-- materialized: incremental
-- key: transaction_id
-- cluster: date_id
with

source as (

    select * from raw.sales

),

versions as (

    select
        *,
        row_number() over (partition by transaction_id order by natural_order(_file) desc, _line desc) as version_rank
    from source

),

latest as (

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
        quantity,
        unit_price,
        coalesce(
            revenue,
            cast(cast(quantity as decimal(28, 4)) * unit_price as decimal(18, 4))
        ) as revenue,
        cost
    from versions
    where version_rank = 1

),

signed as (

    select
        * exclude (quantity, revenue, cost),
        quantity < 0 or revenue < 0 as is_return,
        case when revenue < 0 then -abs(quantity) else quantity end as quantity,
        case when quantity < 0 then -abs(revenue) else revenue end as revenue,
        case when quantity < 0 or revenue < 0 then -abs(cost) else cost end as cost
    from latest

),

final as (

    select
        transaction_id,
        order_id,
        sold_at,
        cast(year(sold_at) * 10000 + month(sold_at) * 100 + day(sold_at) as integer) as date_id,
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
        is_return
    from signed

)

select * from final
