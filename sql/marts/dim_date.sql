-- One row per day of every year in which something was sold, and of up to two years without sales in between, since some tools
-- want days without a gap. One sale dated a thousand years ahead does not fill the calendar with all the years until then.
-- key: date_id
with

places as (

    select * from int_daily_places

),

years as (

    select distinct cast(date_id // 10000 as bigint) as year
    from places

),

gaps as (

    select
        year,
        lead(year) over (order by year nulls last) as next_year
    from years

),

spans as (

    select
        make_date(year, 1, 1) as first_day,
        make_date(case when next_year - year <= 3 then next_year - 1 else year end, 12, 31) as last_day
    from gaps

),

days as (

    select cast(unnest(generate_series(first_day, last_day, interval 1 day)) as date) as full_date
    from spans

),

final as (

    select
        cast(year(full_date) * 10000 + month(full_date) * 100 + day(full_date) as integer) as date_id,
        full_date,
        cast(year(full_date) as integer) as year,
        cast(quarter(full_date) as integer) as quarter,
        cast(month(full_date) as integer) as month,
        cast(year(full_date) * 100 + month(full_date) as integer) as month_id,
        case month(full_date)
            when 1 then 'January' when 2 then 'February' when 3 then 'March' when 4 then 'April'
            when 5 then 'May' when 6 then 'June' when 7 then 'July' when 8 then 'August'
            when 9 then 'September' when 10 then 'October' when 11 then 'November' when 12 then 'December'
        end as month_name,
        cast(isoyear(full_date) as integer) as iso_year,
        cast(week(full_date) as integer) as iso_week,
        cast(day(full_date) as integer) as day,
        cast(isodow(full_date) as integer) as day_of_week,
        case isodow(full_date)
            when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday' when 4 then 'Thursday'
            when 5 then 'Friday' when 6 then 'Saturday' when 7 then 'Sunday'
        end as day_name,
        isodow(full_date) >= 6 as is_weekend
    from days

)

select * from final
