-- A line without a product code is of the unknown product, and its category and name are lost. Give it a code of its own in stg_sales,
-- made of them, as the shipped stg_sales does.
-- severity: warn
-- by: transaction_id
select
    transaction_id,
    category,
    product_name,
    revenue
from stg_sales
where product_code is null and coalesce(category, product_name) is not null
