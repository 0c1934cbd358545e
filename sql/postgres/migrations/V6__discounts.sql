-- The discount of every line; orders by number and place; quantity and unit price that a source need not have; and the scale of money.
-- Rows that are there keep a discount of 0 until the next sync, which writes all rows of these tables once, since their hashes change.
alter table mart.fact_sales add column discount_amount numeric(18, 4) not null default 0;
alter table mart.fact_sales alter column discount_amount drop default;
alter table mart.fact_sales add column order_key bigint not null default 0;
alter table mart.fact_sales alter column order_key drop default;
alter table mart.fact_sales alter column quantity drop not null;
alter table mart.fact_sales alter column unit_price drop not null;
alter table mart.agg_daily_sales add column discount_amount numeric(18, 4) not null default 0;
alter table mart.agg_daily_sales alter column discount_amount drop default;
alter table mart.agg_daily_sales alter column quantity drop not null;
alter table mart.agg_monthly_product add column discount_amount numeric(18, 4) not null default 0;
alter table mart.agg_monthly_product alter column discount_amount drop default;
alter table mart.agg_monthly_product alter column quantity drop not null;

comment on column mart.fact_sales.discount_amount is 'Taken off quantity times unit price, and out of revenue already; 0 if the source states none; negative for returns';
comment on column mart.fact_sales.order_key is 'Surrogate key of the order: stable hash of order_id, region, city and store. Count distinct orders by it';
comment on column mart.fact_sales.order_id is 'Number of the order in the source; two stores may use the same one, see order_key';
comment on column mart.fact_sales.product_id is 'Product, 0 if the line states no code, name or category';
comment on column mart.fact_sales.quantity is 'Units sold; negative for returns; null if unknown';
comment on column mart.fact_sales.unit_price is 'Price of one unit before the discount, in the currency of the source; null if unknown';
comment on column mart.fact_sales.revenue is 'Revenue after the discount, in the currency of the source; negative for returns';
comment on column mart.agg_daily_sales.discount_amount is 'Discounts, net of returns';
comment on column mart.agg_daily_sales.quantity is 'Units sold, net of returns; null if no line states any';
comment on column mart.agg_monthly_product.discount_amount is 'Discounts, net of returns';
comment on column mart.agg_monthly_product.quantity is 'Units sold, net of returns; null if no line states any';
comment on column mart.dim_product.product_code is 'Key of the product in the source; "(no code)" with category and name for lines that state only these';
comment on table mart.dim_date is 'One row per day of every year with sales, and of up to two years without sales in between';

-- salesmart names the setting [money] scale of salesmart.toml while it migrates. Run by hand, the columns keep four places.
do $$
declare
    scale constant integer := coalesce(nullif(current_setting('salesmart.money_scale', true), ''), '4')::integer;
    kept record;
begin
    if scale = 4 then
        return;
    end if;
    for kept in
        select *
        from (
            values
                ('dim_customer', 'lifetime_value'),
                ('fact_sales', 'unit_price'),
                ('fact_sales', 'discount_amount'),
                ('fact_sales', 'revenue'),
                ('fact_sales', 'cost'),
                ('fact_sales', 'profit'),
                ('agg_daily_sales', 'discount_amount'),
                ('agg_daily_sales', 'revenue'),
                ('agg_daily_sales', 'profit'),
                ('agg_daily_sales', 'revenue_with_cost'),
                ('agg_monthly_product', 'discount_amount'),
                ('agg_monthly_product', 'revenue'),
                ('agg_monthly_product', 'profit'),
                ('agg_monthly_product', 'revenue_with_cost'),
                ('agg_customer_cohort', 'revenue')
        ) as kept (table_name, column_name)
    loop
        execute format('alter table mart.%I alter column %I type numeric(18, %s)', kept.table_name, kept.column_name, scale);
    end loop;
end
$$;
