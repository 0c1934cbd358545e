-- No sale has the key 0. That no two sales share a key is the built-in check of fact_sales' key.
-- by: transaction_id
select
    sale_id,
    transaction_id
from fact_sales
where (sale_id <> 0) is not true
