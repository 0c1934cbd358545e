-- An order number that several customers share at one place is usually used again, every day or year, say: its sales then count as one
-- order. Add what tells the orders apart, such as the day, to order_id in stg_sales.
-- severity: warn
-- by: order_key
select
    order_key,
    min(order_id) as order_id,
    min(store) as store,
    count(distinct customer_code) as customers,
    min(sold_at) as first_sold_at,
    max(sold_at) as last_sold_at
from stg_sales
where not is_return
group by order_key
having count(distinct customer_code) > 1
