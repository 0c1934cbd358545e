-- One row per place that sells: region, city and store, each 'Unknown' where the source does not say.
-- Row 0 is the wholly unknown place.
-- key: region_id
with

days as (

    select * from int_daily_places

),

places as (

    select distinct
        region_id,
        region,
        city,
        store
    from days
    where region_id <> 0

),

final as (

    select
        region_id,
        coalesce(region, 'Unknown') as region,
        coalesce(city, 'Unknown') as city,
        coalesce(store, 'Unknown') as store
    from places

    union all

    select
        cast(0 as bigint) as region_id,
        'Unknown' as region,
        'Unknown' as city,
        'Unknown' as store

)

select * from final
