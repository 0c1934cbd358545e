-- One row per customer, with RFM scores (1 to 5, 5 is best), segment and lifetime value. Row 0 is the unknown customer.
--
-- Recency is how long ago the last order was; queries compute the days from last_order_date, as a number that changes every day for
-- everybody would have every customer written every day. Frequency is the number of distinct orders; lifetime value is net revenue, and
-- is also the monetary measure.
-- Scores are percent-rank quintiles in integers, so that equal customers get equal scores. A tie takes the rank that means what
-- people read into the score: the best one in recency (nobody is more recent than the buyers of the last day: they have 5), the
-- lowest one in frequency and lifetime value (who ordered once has 1). A customer who only ever returned things has no order to
-- score: NULL scores, segment 'No Purchase'.
-- key: customer_id
with

months as (

    select * from int_customer_months

),

split_orders as (

    select * from int_split_orders

),

counted_too_often as (

    select
        customer_code,
        sum(counted_too_often) as orders
    from split_orders
    group by customer_code

),

totals as (

    select
        customer_code,
        max_by(customer_name, named_by) filter (where customer_name is not null) as customer_name,
        min(first_order_date) as first_order_date,
        max(last_order_date) as last_order_date,
        sum(orders) as orders,
        money(sum(revenue)) as lifetime_value
    from months
    group by customer_code

),

customers as (

    select
        totals.customer_code,
        totals.customer_name,
        totals.first_order_date,
        totals.last_order_date,
        cast(totals.orders - coalesce(counted_too_often.orders, 0) as bigint) as frequency,
        totals.lifetime_value
    from totals
    left join counted_too_often using (customer_code)

),

buyers as (

    select
        customer_code,
        last_order_date,
        frequency,
        lifetime_value
    from customers
    where frequency > 0

),

ranked as (

    select
        customer_code,
        count(*) over () - 1 as others,
        rank() over (order by last_order_date desc nulls last) - 1 as more_recent,
        rank() over (order by frequency asc nulls last) - 1 as less_frequent,
        rank() over (order by lifetime_value asc nulls last) - 1 as less_valuable
    from buyers

),

scored as (

    select
        customer_code,
        case when others = 0 then 5 else 5 - least(4, 5 * more_recent // others) end as recency_score,
        case when others = 0 then 1 else 1 + least(4, 5 * less_frequent // others) end as frequency_score,
        case when others = 0 then 1 else 1 + least(4, 5 * less_valuable // others) end as monetary_score
    from ranked

),

segmented as (

    select
        customer_code,
        recency_score,
        frequency_score,
        monetary_score,
        case
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
    from scored

),

final as (

    select
        surrogate_key(customers.customer_code) as customer_id,
        customers.customer_code,
        coalesce(customers.customer_name, customers.customer_code) as customer_name,
        customers.first_order_date,
        customers.last_order_date,
        customers.frequency,
        customers.lifetime_value,
        cast(segmented.recency_score as integer) as recency_score,
        cast(segmented.frequency_score as integer) as frequency_score,
        cast(segmented.monetary_score as integer) as monetary_score,
        coalesce(segmented.segment, 'No Purchase') as segment
    from customers
    left join segmented using (customer_code)

    union all

    select
        cast(0 as bigint) as customer_id,
        cast(null as varchar) as customer_code,
        'Unknown' as customer_name,
        cast(null as date) as first_order_date,
        cast(null as date) as last_order_date,
        cast(0 as bigint) as frequency,
        money(0) as lifetime_value,
        cast(null as integer) as recency_score,
        cast(null as integer) as frequency_score,
        cast(null as integer) as monetary_score,
        'Unknown' as segment

)

select * from final
