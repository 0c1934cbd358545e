-- Every line of stg_sales, with all its money, is in fact_sales, and nothing else is.
-- by: transaction_id
select
    transaction_id,
    staged.revenue as staged_revenue,
    facts.revenue as fact_revenue
from stg_sales as staged
full join fact_sales as facts using (transaction_id)
where (
    staged.transaction_id is not null
    and facts.transaction_id is not null
    and staged.quantity is not distinct from facts.quantity
    and staged.revenue is not distinct from facts.revenue
    and staged.cost is not distinct from facts.cost
    and staged.profit is not distinct from facts.profit
) is not true
