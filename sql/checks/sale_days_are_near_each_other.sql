-- A sale more than a year away from all others is usually a wrong date: it moves the last day of all, from which recency is counted and
-- on which dashboards open. Days belong together if no year lies between them; a group of days with less than a tenth of the lines of
-- the largest group is shown.
-- severity: warn
with

sale_days as (

    select
        date_id,
        make_date(
            cast(date_id // 10000 as bigint),
            cast(date_id // 100 % 100 as bigint),
            cast(date_id % 100 as bigint)
        ) as sold_on,
        sum(sale_lines) as sale_lines
    from agg_daily_sales
    group by date_id

),

gaps as (

    select
        date_id,
        sold_on,
        sale_lines,
        coalesce(sold_on - lag(sold_on) over (order by sold_on nulls last) > 366, false) as starts_group
    from sale_days

),

day_groups as (

    select
        date_id,
        sold_on,
        sale_lines,
        sum(cast(starts_group as integer)) over (order by sold_on nulls last) as group_number
    from gaps

),

group_sizes as (

    select
        group_number,
        sum(sale_lines) as group_lines,
        min(sold_on) as first_day,
        max(sold_on) as last_day
    from day_groups
    group by group_number

),

largest as (

    select
        group_lines,
        first_day,
        last_day
    from group_sizes
    qualify row_number() over (order by group_lines desc nulls last, group_number asc nulls last) = 1

),

far_days as (

    select
        day_groups.date_id,
        largest.first_day as others_from,
        largest.last_day as others_to
    from day_groups
    inner join group_sizes using (group_number)
    cross join largest
    where 10 * group_sizes.group_lines < largest.group_lines

)

select
    fact_sales.transaction_id,
    fact_sales.created_at,
    fact_sales.revenue,
    far_days.others_from,
    far_days.others_to
from fact_sales
inner join far_days using (date_id)
