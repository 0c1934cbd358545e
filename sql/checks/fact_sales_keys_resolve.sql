-- Every key of a fact has its row in the dimension.
-- by: transaction_id
-- lookup: dim_date, dim_product, dim_customer, dim_region
select
    fact_sales.sale_id,
    fact_sales.transaction_id,
    fact_sales.date_id,
    fact_sales.product_id,
    fact_sales.customer_id,
    fact_sales.region_id
from fact_sales
left join dim_date using (date_id)
left join dim_product using (product_id)
left join dim_customer using (customer_id)
left join dim_region using (region_id)
where (
    dim_date.full_date is not null
    and dim_product.product_name is not null
    and dim_customer.customer_name is not null
    and dim_region.region is not null
) is not true
