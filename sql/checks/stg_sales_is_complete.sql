-- What every source must deliver for a line: its key, its order, its moment, and its revenue (or quantity and unit price to derive it
-- from).
-- by: transaction_id
select
    transaction_id,
    order_id,
    sold_at,
    discount_amount,
    revenue
from stg_sales
where (
    transaction_id is not null
    and order_id is not null
    and sold_at is not null
    and date_id is not null
    and order_key is not null
    and discount_amount is not null
    and revenue is not null
    and is_return is not null
) is not true
