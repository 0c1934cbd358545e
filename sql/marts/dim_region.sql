-- One row per place that sells: region, city and store, each 'Unknown' where the source does not say.
-- Row 0 is the wholly unknown place.
-- key: region_id
with

sales as (

    select * from stg_sales

),

places as (

    select distinct
        region,
        city,
        store
    from sales
    where coalesce(region, city, store) is not null

),

final as (

    select
        surrogate_key(concat_ws(chr(31), coalesce(region, ''), coalesce(city, ''), coalesce(store, ''))) as region_id,
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
