-- One row per cohort (month of a customer's first order, yyyymm) and month since: how many came back.
-- key: cohort_month_id, months_since
with

months as (

    select * from int_customer_months

),

activity as (

    select
        customer_code,
        month_id // 100 * 12 + month_id % 100 - 1 as month_number,
        order_revenue as revenue
    from months
    where orders > 0

),

firsts as (

    select
        customer_code,
        min(month_number) as cohort
    from activity
    group by customer_code

),

sizes as (

    select
        cohort,
        count(*) as cohort_size
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
    inner join firsts using (customer_code)
    group by firsts.cohort, activity.month_number - firsts.cohort

),

final as (

    select
        cast(retained.cohort // 12 * 100 + retained.cohort % 12 + 1 as integer) as cohort_month_id,
        cast(retained.months_since as integer) as months_since,
        retained.customers,
        sizes.cohort_size,
        cast(cast(retained.customers as double) / cast(sizes.cohort_size as double) as decimal(9, 6)) as retention,
        money(retained.revenue) as revenue
    from retained
    inner join sizes using (cohort)

)

select * from final
