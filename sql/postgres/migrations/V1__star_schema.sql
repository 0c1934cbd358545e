-- The star schema. Only shapes that a distributed PostgreSQL also knows: no sequences, no triggers, foreign
-- keys from facts to dimensions only, the partition column in the fact's primary key.
-- row_hash is what salesmart compares rows by; it is a function of the row's other columns.
create schema if not exists mart;
create schema if not exists etl;

create table mart.dim_product (
    product_id bigint primary key,
    product_code text,
    product_name text not null,
    category text not null,
    row_hash bigint not null
);

create table mart.dim_customer (
    customer_id bigint primary key,
    customer_code text,
    customer_name text not null,
    first_order_date date,
    last_order_date date,
    recency_days integer,
    frequency bigint not null,
    lifetime_value numeric(18, 4) not null,
    recency_score integer,
    frequency_score integer,
    monetary_score integer,
    segment text not null,
    row_hash bigint not null
);

create table mart.dim_date (
    date_id integer primary key,
    full_date date not null,
    year integer not null,
    quarter integer not null,
    month integer not null,
    month_id integer not null,
    month_name text not null,
    iso_year integer not null,
    iso_week integer not null,
    day integer not null,
    day_of_week integer not null,
    day_name text not null,
    is_weekend boolean not null,
    row_hash bigint not null
);

create table mart.dim_region (
    region_id bigint primary key,
    region text not null,
    city text not null,
    store text not null,
    row_hash bigint not null
);

create table mart.fact_sales (
    date_id integer not null references mart.dim_date (date_id),
    sale_id bigint not null,
    product_id bigint not null references mart.dim_product (product_id),
    customer_id bigint not null references mart.dim_customer (customer_id),
    region_id bigint not null references mart.dim_region (region_id),
    transaction_id text not null,
    order_id text not null,
    quantity numeric(18, 4) not null,
    unit_price numeric(18, 4) not null,
    revenue numeric(18, 4) not null,
    cost numeric(18, 4),
    profit numeric(18, 4),
    margin numeric(18, 6),
    is_return boolean not null,
    created_at timestamp not null,
    row_hash bigint not null,
    primary key (date_id, sale_id)
) partition by range (date_id);

create index fact_sales_date_region on mart.fact_sales (date_id, region_id);
create index fact_sales_product_customer on mart.fact_sales (product_id, customer_id);

create table mart.agg_daily_sales (
    date_id integer not null,
    region_id bigint not null,
    category text not null,
    sale_lines bigint not null,
    orders bigint not null,
    quantity numeric(18, 4) not null,
    revenue numeric(18, 4) not null,
    profit numeric(18, 4),
    revenue_with_cost numeric(18, 4) not null,
    row_hash bigint not null,
    primary key (date_id, region_id, category)
);

create table mart.agg_monthly_product (
    month_id integer not null,
    product_id bigint not null,
    sale_lines bigint not null,
    orders bigint not null,
    quantity numeric(18, 4) not null,
    revenue numeric(18, 4) not null,
    profit numeric(18, 4),
    revenue_with_cost numeric(18, 4) not null,
    row_hash bigint not null,
    primary key (month_id, product_id)
);

create table mart.agg_customer_cohort (
    cohort_month_id integer not null,
    months_since integer not null,
    customers bigint not null,
    cohort_size bigint not null,
    retention numeric(9, 6) not null,
    revenue numeric(18, 4) not null,
    row_hash bigint not null,
    primary key (cohort_month_id, months_since)
);

-- The ledger: one row per committed sync, numbered without a gap. It is written in the transaction that
-- changes the marts, so the two cannot disagree.
create table etl.sync_run (
    run_number bigint primary key,
    run_id text not null unique,
    committed_at timestamptz not null,
    program_version text not null,
    tables jsonb not null
);
