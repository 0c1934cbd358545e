-- One row per day of every year in which something was sold.
-- key: date_id
with

places as (

    select * from int_daily_places

),

span as (

    select
        make_date(cast(min(date_id) // 10000 as bigint), 1, 1) as first_day,
        make_date(cast(max(date_id) // 10000 as bigint), 12, 31) as last_day
    from places

),

days as (

    select cast(unnest(generate_series(first_day, last_day, interval 1 day)) as date) as full_date
    from span

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
