-- Every customer has one of the known segments; one with orders has three scores from 1 to 5.
select
    customer_id,
    customer_code,
    segment,
    recency_score,
    frequency_score,
    monetary_score
from dim_customer
where (
    case
        when customer_id = 0 then segment = 'Unknown'
        when frequency = 0 then segment = 'No Purchase'
        else
            segment in (
                'Champions', 'Loyal', 'Potential Loyalist', 'New', 'Promising', 'Need Attention',
                'About to Sleep', 'At Risk', 'Can''t Lose', 'Hibernating', 'Lost'
            )
            and recency_score between 1 and 5
            and frequency_score between 1 and 5
            and monetary_score between 1 and 5
    end
) is not true
