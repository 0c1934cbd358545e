-- A read-only role for dashboards: `grant salesmart_reader to somebody`. Roles belong to the whole server, so
-- another database may have made it already; a login that may not create roles goes without.
do $$
begin
    if not exists (select from pg_roles where rolname = 'salesmart_reader') then
        create role salesmart_reader nologin;
    end if;
exception
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
        raise warning 'no right to create the role salesmart_reader; have an administrator create it and grant usage and select on schema mart';
end
$$;

do $$
begin
    if exists (select from pg_roles where rolname = 'salesmart_reader') then
        grant usage on schema mart, etl to salesmart_reader;
        grant select on all tables in schema mart, etl to salesmart_reader;
        alter default privileges in schema mart grant select on tables to salesmart_reader;
    end if;
end
$$;
