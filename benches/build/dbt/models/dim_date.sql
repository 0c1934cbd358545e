-- One row per day of every year in which something was sold.
with span as (

    select
        make_date(cast(year(min(sold_at)) as bigint), 1, 1) as first_day,
        make_date(cast(year(max(sold_at)) as bigint), 12, 31) as last_day
    from {{ ref('stg_sales') }}

),

days as (

    select cast(unnest(generate_series(first_day, last_day, interval 1 day)) as date) as full_date
    from span

)

select
    cast(strftime(full_date, '%Y%m%d') as integer) as date_id,
    full_date,
    cast(year(full_date) as integer) as year,
    cast(quarter(full_date) as integer) as quarter,
    cast(month(full_date) as integer) as month,
    cast(year(full_date) * 100 + month(full_date) as integer) as month_id,
    monthname(full_date) as month_name,
    cast(isoyear(full_date) as integer) as iso_year,
    cast(week(full_date) as integer) as iso_week,
    cast(day(full_date) as integer) as day,
    cast(isodow(full_date) as integer) as day_of_week,
    dayname(full_date) as day_name,
    isodow(full_date) >= 6 as is_weekend
from days
