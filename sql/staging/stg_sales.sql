-- One row per sale line (transaction), latest version wins: the line in the later file, then further down in it.
-- Everything downstream reads this shape and nothing else; another source needs its own contract and this file.
--
-- All that is derived from a record is derived here:
-- * Revenue is what was charged. Where the file leaves it out, it is quantity times unit price less the discount, rounded to
--   the places of money. Quantity and unit price may be unknown (NULL) where the file states the revenue.
-- * discount_amount was taken off the line's price and is out of revenue already; 0 where the file says nothing.
-- * Unknown cost gives NULL profit and margin. Unknown customer, category and place stay NULL here.
-- * A line with negative quantity or negative stated revenue is a return (is_return): its quantity, revenue, discount, cost and profit
--   count negatively, so that sums are net. A return never counts as an order.
-- * A line without a product code that states a category or a name has a product of these, so that neither is lost.
-- * An order is an order number at one place (order_key): two stores may both number from 1.
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
        coalesce(
            product_id,
            '(no code)' || case
                when coalesce(category, product_name) is not null
                    then coalesce(' ' || replace(category, '/', '//'), '') || coalesce(' / ' || product_name, '')
            end
        ) as product_code,
        product_name,
        category,
        customer_id as customer_code,
        customer_name,
        region,
        city,
        store,
        quantity,
        unit_price,
        coalesce(discount_amount, 0) as discount_amount,
        revenue,
        cost
    from versions
    where version_rank = 1

),

lines_and_returns as (

    select
        *,
        coalesce(quantity < 0, false) or coalesce(revenue < 0, false) as is_return
    from latest

),

signed as (

    select
        * exclude (quantity, discount_amount, revenue, cost),
        case when revenue < 0 then -abs(quantity) else quantity end as quantity,
        case when is_return then -abs(discount_amount) else discount_amount end as discount_amount,
        case when quantity < 0 then -abs(revenue) else revenue end as stated_revenue,
        case when is_return then -abs(cost) else cost end as cost
    from lines_and_returns

),

priced as (

    select
        *,
        coalesce(stated_revenue, money(cast(quantity as decimal(28, 8)) * unit_price - discount_amount)) as revenue
    from signed

),

final as (

    select
        transaction_id,
        order_id,
        surrogate_key(
            order_id || chr(31) || coalesce(region, '') || chr(31) || coalesce(city, '') || chr(31) || coalesce(store, '')
        ) as order_key,
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
        discount_amount,
        revenue,
        cost,
        revenue - cost as profit,
        case
            when revenue <> 0 then cast(cast(revenue - cost as double) / cast(revenue as double) as decimal(18, 6))
        end as margin,
        is_return
    from priced

)

select * from final
