-- Days since the last order change every day for everybody, so every sync wrote every customer. Queries compute them:
-- select (select max(full_date) from mart.dim_date) - last_order_date from mart.dim_customer
alter table mart.dim_customer drop column recency_days;
