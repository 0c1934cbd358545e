-- Every line of stg_sales, with all its amounts, is in fact_sales, and nothing else is. Amounts that differ by a rounding have more
-- places than the warehouse keeps: set [money] scale in salesmart.toml, or give the contract's columns fewer places. Quantities have
-- four places; for more, cast quantity to another type in the marts and draft a migration.
-- by: transaction_id
select
    transaction_id,
    case
        when staged.transaction_id is null then 'not in stg_sales'
        when facts.transaction_id is null then 'not in fact_sales'
        else concat_ws(
            ', ',
            case when staged.quantity is distinct from facts.quantity then 'quantity' end,
            case when staged.unit_price is distinct from facts.unit_price then 'unit_price' end,
            case when staged.discount_amount is distinct from facts.discount_amount then 'discount_amount' end,
            case when staged.revenue is distinct from facts.revenue then 'revenue' end,
            case when staged.cost is distinct from facts.cost then 'cost' end,
            case when staged.profit is distinct from facts.profit then 'profit' end
        )
    end as differs,
    staged.quantity as staged_quantity,
    facts.quantity as fact_quantity,
    staged.unit_price as staged_unit_price,
    facts.unit_price as fact_unit_price,
    staged.discount_amount as staged_discount_amount,
    facts.discount_amount as fact_discount_amount,
    staged.revenue as staged_revenue,
    facts.revenue as fact_revenue,
    staged.cost as staged_cost,
    facts.cost as fact_cost,
    staged.profit as staged_profit,
    facts.profit as fact_profit
from stg_sales as staged
full join fact_sales as facts using (transaction_id)
where (
    staged.transaction_id is not null
    and facts.transaction_id is not null
    and staged.quantity is not distinct from facts.quantity
    and staged.unit_price is not distinct from facts.unit_price
    and staged.discount_amount is not distinct from facts.discount_amount
    and staged.revenue is not distinct from facts.revenue
    and staged.cost is not distinct from facts.cost
    and staged.profit is not distinct from facts.profit
) is not true
