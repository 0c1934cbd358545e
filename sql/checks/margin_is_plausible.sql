-- A margin above 100 % or far below zero is usually a wrong cost or a wrong price.
-- severity: warn
-- tolerance: 10
-- by: transaction_id
select
    transaction_id,
    revenue,
    cost,
    margin
from stg_sales
where not is_return and (margin > 1 or margin < -5)
