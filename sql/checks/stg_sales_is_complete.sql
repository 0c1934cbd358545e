-- What every source must deliver for a line: its key, its order, its moment, and its amounts.
-- by: transaction_id
select
    transaction_id,
    order_id,
    sold_at,
    quantity,
    revenue
from stg_sales
where (
    transaction_id is not null
    and order_id is not null
    and sold_at is not null
    and date_id is not null
    and quantity is not null
    and unit_price is not null
    and revenue is not null
    and is_return is not null
) is not true
