-- Keeps a reader to some regions: a dashboard with logins names them in the setting salesmart.regions, one after the other
-- with chr(31) in between. Without the setting all rows are there. The policies hold once row-level security is switched on
-- for the tables, which is the administrator's decision (docs/serving.md); until then they change nothing.
do $$
declare
    setting constant text := 'nullif(current_setting(''salesmart.regions'', true), '''')';
    kept record;
begin
    if not exists (select from pg_roles where rolname = 'salesmart_reader') then
        raise warning 'there is no role salesmart_reader: dashboards cannot keep regions apart';
        return;
    end if;
    for kept in
        select *
        from (
            values
                ('dim_region', format('region = any(string_to_array(%s, chr(31)))', setting)),
                ('fact_sales', 'region_id in (select region_id from mart.dim_region)'),
                ('agg_daily_sales', 'region_id in (select region_id from mart.dim_region)'),
                ('dim_customer', 'customer_id in (select customer_id from mart.fact_sales)'),
                -- They hold sums over all regions.
                ('agg_monthly_product', 'false'),
                ('agg_customer_cohort', 'false')
        ) as kept (table_name, condition)
    loop
        execute format('create policy salesmart_everybody on mart.%I for all to public using (true) with check (true)', kept.table_name);
        execute format(
            'create policy salesmart_regions on mart.%I as restrictive for select to salesmart_reader using (%s is null or %s)',
            kept.table_name, setting, kept.condition
        );
    end loop;
end
$$;
