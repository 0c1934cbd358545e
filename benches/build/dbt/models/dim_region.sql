-- One row per place that sells.
with places as (

    select distinct region, city, store
    from {{ ref('stg_sales') }}
    where coalesce(region, city, store) is not null

)

select
    {{ surrogate_key("concat_ws(chr(31), coalesce(region, ''), coalesce(city, ''), coalesce(store, ''))") }} as region_id,
    coalesce(region, 'Unknown') as region,
    coalesce(city, 'Unknown') as city,
    coalesce(store, 'Unknown') as store
from places

union all

select 0, 'Unknown', 'Unknown', 'Unknown'
