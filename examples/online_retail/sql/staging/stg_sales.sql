-- One row per sale line of UCI Online Retail, in the shape that the marts read.
--
-- The source has no key for a line, so two records that agree in every column are one line written twice, and the
-- key is a hash of all columns. Cancellations (invoices that start with C), adjustments of bad debt (no price) and
-- lines without a positive quantity and price are no sales and are left out; so there are no returns here.
-- The source states no cost, no category and no discount; its only place is a country. Product names vary, spaces are trimmed.
-- materialized: incremental
-- key: transaction_id
-- by: invoice_no as order_id
with

source as (

    select * from raw.sales

),

lines as (

    select distinct
        invoice_no,
        stock_code,
        description,
        quantity,
        invoice_date,
        unit_price,
        customer_id,
        country
    from source

),

sales as (

    select *
    from lines
    where not starts_with(invoice_no, 'C') and quantity > 0 and unit_price > 0

),

final as (

    select
        md5(concat_ws(
            chr(31),
            invoice_no,
            stock_code,
            coalesce(description, chr(30)),
            cast(quantity as varchar),
            cast(invoice_date as varchar),
            cast(unit_price as varchar),
            coalesce(customer_id, chr(30)),
            coalesce(country, chr(30))
        )) as transaction_id,
        invoice_no as order_id,
        surrogate_key(invoice_no || chr(31) || coalesce(country, '')) as order_key,
        invoice_date as sold_at,
        cast(year(invoice_date) * 10000 + month(invoice_date) * 100 + day(invoice_date) as integer) as date_id,
        stock_code as product_code,
        nullif(trim(description), '') as product_name,
        cast(null as varchar) as category,
        regexp_replace(customer_id, '\.0$', '', 'g') as customer_code,
        cast(null as varchar) as customer_name,
        country as region,
        cast(null as varchar) as city,
        cast(null as varchar) as store,
        cast(quantity as decimal(18, 4)) as quantity,
        unit_price,
        money(0) as discount_amount,
        money(quantity * unit_price) as revenue,
        money(null) as cost,
        money(null) as profit,
        cast(null as decimal(18, 6)) as margin,
        false as is_return
    from sales

)

select * from final
