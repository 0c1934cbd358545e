-- Two natural keys never share a surrogate key, and none gets the key of the unknown member. The built-in check of the marts'
-- keys finds two rows with one surrogate key; here is what it cannot see: a natural key that has key 0.
select
    'product' as entity,
    product_id as surrogate,
    product_code as natural_key
from dim_product
where (product_id <> 0) is distinct from (product_code is not null)

union all

select
    'customer',
    customer_id,
    customer_code
from dim_customer
where (customer_id <> 0) is distinct from (customer_code is not null)
