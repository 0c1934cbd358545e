-- A line of stg_sales comes from an accepted record: there cannot be more lines than records.
select
    staged.line_count,
    accepted.record_count
from (select count(*) as line_count from stg_sales) as staged
cross join (select coalesce(sum(accepted), 0) as record_count from ingest.files where outcome = 'loaded') as accepted
where (staged.line_count <= accepted.record_count) is not true
