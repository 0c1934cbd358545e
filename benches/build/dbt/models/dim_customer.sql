-- One row per customer, with RFM scores as percent-rank quintiles, segment and lifetime value.
with sales as (

    select * from {{ ref('stg_sales') }}

),

customers as (

    select
        customer_code,
        max_by(customer_name, (sold_at, transaction_id)) filter (where customer_name is not null) as customer_name,
        cast(min(sold_at) filter (where not is_return) as date) as first_order_date,
        cast(max(sold_at) filter (where not is_return) as date) as last_order_date,
        count(distinct order_id) filter (where not is_return) as frequency,
        cast(sum(revenue) as decimal(18, 4)) as lifetime_value
    from sales
    where customer_code is not null
    group by customer_code

),

ranked as (

    select
        customer_code,
        count(*) over () - 1 as others,
        rank() over (order by last_order_date) - 1 as recency_rank,
        rank() over (order by frequency) - 1 as frequency_rank,
        rank() over (order by lifetime_value) - 1 as monetary_rank
    from customers
    where frequency > 0

),

scored as (

    select
        customer_code,
        case when others = 0 then 1 else least(5, 1 + 5 * recency_rank // others) end as recency_score,
        case when others = 0 then 1 else least(5, 1 + 5 * frequency_rank // others) end as frequency_score,
        case when others = 0 then 1 else least(5, 1 + 5 * monetary_rank // others) end as monetary_score
    from ranked

)

select
    {{ surrogate_key('customers.customer_code') }} as customer_id,
    customers.customer_code,
    coalesce(customers.customer_name, customers.customer_code) as customer_name,
    customers.first_order_date,
    customers.last_order_date,
    customers.frequency,
    customers.lifetime_value,
    cast(scored.recency_score as integer) as recency_score,
    cast(scored.frequency_score as integer) as frequency_score,
    cast(scored.monetary_score as integer) as monetary_score,
    case
        when scored.customer_code is null then 'No Purchase'
        when recency_score >= 4 and frequency_score >= 4 and monetary_score >= 4 then 'Champions'
        when recency_score >= 3 and frequency_score >= 4 then 'Loyal'
        when recency_score >= 4 and frequency_score >= 2 then 'Potential Loyalist'
        when recency_score = 5 then 'New'
        when recency_score = 4 then 'Promising'
        when recency_score = 3 and (frequency_score >= 3 or monetary_score >= 3) then 'Need Attention'
        when recency_score = 3 then 'About to Sleep'
        when frequency_score = 5 and monetary_score >= 4 then 'Can''t Lose'
        when frequency_score >= 3 then 'At Risk'
        when recency_score = 2 or monetary_score >= 3 then 'Hibernating'
        else 'Lost'
    end as segment
from customers
left join scored using (customer_code)

union all

select 0, null, 'Unknown', null, null, null, 0, 0, null, null, null, 'Unknown'
