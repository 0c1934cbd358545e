-- One row per cohort (month of a customer's first order) and month since: how many came back.
with activity as (

    select
        customer_id,
        date_id // 10000 * 12 + date_id // 100 % 100 - 1 as month_number,
        sum(revenue) as revenue
    from {{ ref('fact_sales') }}
    where not is_return and customer_id <> 0
    group by all

),

firsts as (

    select customer_id, min(month_number) as cohort
    from activity
    group by customer_id

),

sizes as (

    select cohort, count(*) as cohort_size
    from firsts
    group by cohort

),

retained as (

    select
        firsts.cohort,
        activity.month_number - firsts.cohort as months_since,
        count(*) as customers,
        sum(activity.revenue) as revenue
    from activity
    inner join firsts using (customer_id)
    group by all

)

select
    cast(cohort // 12 * 100 + cohort % 12 + 1 as integer) as cohort_month_id,
    cast(months_since as integer) as months_since,
    customers,
    cohort_size,
    cast(cast(customers as double) / cast(cohort_size as double) as decimal(9, 6)) as retention,
    cast(retained.revenue as decimal(18, 4)) as revenue
from retained
inner join sizes using (cohort)
