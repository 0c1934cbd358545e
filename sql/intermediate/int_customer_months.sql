-- One row per customer and month in which something was sold to them or taken back: what customers and cohorts are made of.
-- An order with lines in several months counts in each of them; int_split_orders says how often that happened.
-- materialized: incremental
-- key: customer_code, month_id
-- by: customer_code, date_id // 100 as month_id
-- cluster: month_id
with

sales as (

    select * from stg_sales

),

moments as (

    select
        customer_code,
        cast(date_id // 100 as integer) as month_id,
        customer_name,
        cast(sold_at as date) as sold_on,
        order_key,
        revenue,
        is_return,
        {'sold_at': sold_at, 'transaction_id': transaction_id} as sale
    from sales
    where customer_code is not null

),

final as (

    select
        customer_code,
        month_id,
        max_by(customer_name, sale) filter (where customer_name is not null) as customer_name,
        max(sale) filter (where customer_name is not null) as named_by,
        min(sold_on) filter (where not is_return) as first_order_date,
        max(sold_on) filter (where not is_return) as last_order_date,
        count(distinct order_key) filter (where not is_return) as orders,
        money(sum(revenue)) as revenue,
        money(coalesce(sum(revenue) filter (where not is_return), 0)) as order_revenue
    from moments
    group by customer_code, month_id

)

select * from final
