-- The files whose rows the warehouse holds. A staging file that was lost and made anew from the folder does not know those that were
-- archived: a sync then names them and stops, instead of deleting their rows.
create table etl.source_file (
    source text not null,
    file text not null,
    content_hash text not null,
    rows bigint not null,
    primary key (source, file)
);

comment on table etl.source_file is 'The files whose rows the warehouse holds: those of the staging file at the last sync';
comment on column etl.source_file.source is 'The contract that the file was loaded by';
comment on column etl.source_file.file is 'Its name, relative to the project folder';
comment on column etl.source_file.content_hash is 'Hash of its content: a file of another name with the same content is the same file';
comment on column etl.source_file.rows is 'Number of its records that were accepted';

-- Logins that may write the ledger, and do not own it, write this list with it.
do $$
declare
    login record;
begin
    for login in
        select distinct grantee
        from information_schema.role_table_grants
        where table_schema = 'etl' and table_name = 'sync_run' and privilege_type = 'INSERT' and grantee <> current_user
    loop
        execute format(
            'grant select, insert, update, delete on etl.source_file to %s',
            case login.grantee when 'PUBLIC' then 'public' else quote_ident(login.grantee) end
        );
    end loop;
end
$$;
