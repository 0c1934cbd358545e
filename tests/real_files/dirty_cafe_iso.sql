-- One row per record of the dirty cafe, typed. The contract admits numbers, days, ERROR, UNKNOWN and blanks only, so
-- what does not cast is dirt. Revenue is quantity times price where both are known, else the stated total.
-- key: line
with

source as (

    select * from raw.dirty_cafe_iso

),

typed as (

    select
        _line as line,
        transaction_id,
        case when item not in ('ERROR', 'UNKNOWN') then item end as item,
        try_cast(quantity as integer) as quantity,
        try_cast(price_per_unit as decimal(18, 4)) as unit_price,
        try_cast(total_spent as decimal(18, 4)) as stated_total,
        case when payment_method not in ('ERROR', 'UNKNOWN') then payment_method end as payment_method,
        case when location not in ('ERROR', 'UNKNOWN') then location end as location,
        cast(try_strptime(sold_on, ['%Y-%m-%d', '%m/%d/%Y']) as date) as sold_on
    from source

),

final as (

    select
        *,
        cast(coalesce(quantity * unit_price, stated_total) as decimal(18, 4)) as revenue,
        case
            when quantity * unit_price is not null then 'quantity*price'
            when stated_total is not null then 'stated'
            else 'unrecoverable'
        end as revenue_from
    from typed

)

select * from final
