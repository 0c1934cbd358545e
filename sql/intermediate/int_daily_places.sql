-- One row per day and place that sold something on it. A place that the source says nothing of is region 0.
-- materialized: incremental
-- key: date_id, region_id
-- by: date_id
-- cluster: date_id
with

sales as (

    select * from stg_sales

),

places as (

    select distinct
        date_id,
        region,
        city,
        store
    from sales

),

final as (

    select
        date_id,
        case
            when coalesce(region, city, store) is null then 0
            else surrogate_key(concat_ws(chr(31), coalesce(region, ''), coalesce(city, ''), coalesce(store, '')))
        end as region_id,
        region,
        city,
        store
    from places

)

select * from final
