-- Two natural keys never share a surrogate key, and none gets the key of the unknown member.
select
    'sale' as entity,
    surrogate_key(transaction_id) as surrogate,
    min(transaction_id) as one_natural_key,
    max(transaction_id) as other_natural_key
from stg_sales
group by surrogate_key(transaction_id)
having min(transaction_id) <> max(transaction_id) or surrogate_key(transaction_id) = 0

union all

select
    'product',
    surrogate_key(product_code),
    min(product_code),
    max(product_code)
from stg_sales
where product_code is not null
group by surrogate_key(product_code)
having min(product_code) <> max(product_code) or surrogate_key(product_code) = 0

union all

select
    'customer',
    surrogate_key(customer_code),
    min(customer_code),
    max(customer_code)
from stg_sales
where customer_code is not null
group by surrogate_key(customer_code)
having min(customer_code) <> max(customer_code) or surrogate_key(customer_code) = 0
