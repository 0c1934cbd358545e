-- What the migrations grant to salesmart_reader, for a role that was made after them.
grant usage on schema mart, etl to salesmart_reader;
grant select on all tables in schema mart to salesmart_reader;
grant select on etl.sync_run, etl.run to salesmart_reader;
alter default privileges in schema mart grant select on tables to salesmart_reader;

do $$
declare
    setting constant text := 'nullif(current_setting(''salesmart.regions'', true), '''')';
    kept record;
begin
    for kept in
        select table_name, condition, format('mart.%I', table_name)::regclass as relid
        from (
            values
                ('dim_region', format('region = any(string_to_array(%s, chr(31)))', setting)),
                ('fact_sales', 'region_id in (select region_id from mart.dim_region)'),
                ('agg_daily_sales', 'region_id in (select region_id from mart.dim_region)'),
                ('dim_customer', 'customer_id in (select customer_id from mart.fact_sales)'),
                ('agg_monthly_product', 'false'),
                ('agg_customer_cohort', 'false')
        ) as kept (table_name, condition)
        where to_regclass(format('mart.%I', table_name)) is not null
    loop
        if not exists (select from pg_policy where polrelid = kept.relid and polname = 'salesmart_everybody') then
            execute format('create policy salesmart_everybody on %s for all to public using (true) with check (true)', kept.relid);
        end if;
        if not exists (select from pg_policy where polrelid = kept.relid and polname = 'salesmart_regions') then
            execute format(
                'create policy salesmart_regions on %s as restrictive for select to salesmart_reader using (%s is null or %s)',
                kept.relid, setting, kept.condition
            );
        end if;
    end loop;
end
$$;
