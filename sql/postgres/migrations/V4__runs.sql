-- What every run did, beside the ledger of what it pushed. Written at the end of a run; no run depends on it.
create table etl.run (
    run_id text primary key,
    started_at timestamptz not null,
    seconds numeric(12, 3) not null,
    command text not null,
    outcome text not null,
    message text,
    files bigint not null,
    rows_accepted bigint not null,
    rows_rejected bigint not null,
    checks_failed bigint not null,
    sync_number bigint,
    report jsonb not null
);

comment on table etl.run is 'One row per run of salesmart, also of those that failed or were skipped';
comment on column etl.run.run_id is 'Identifier; later runs have greater ones';
comment on column etl.run.started_at is 'When the run started';
comment on column etl.run.seconds is 'How long it took, in seconds, tries and the waiting between them included; 0 if its process died';
comment on column etl.run.command is 'What was called: the verb, and how it is scheduled';
comment on column etl.run.outcome is 'succeeded, failed, skipped (another process was at work) or interrupted (its process died)';
comment on column etl.run.message is 'Why the run did not succeed';
comment on column etl.run.files is 'Files that were loaded';
comment on column etl.run.rows_accepted is 'Records of those files that were accepted';
comment on column etl.run.rows_rejected is 'Records of those files that were rejected';
comment on column etl.run.checks_failed is 'Checks that failed, so that nothing was published';
comment on column etl.run.sync_number is 'Number of the sync in etl.sync_run, if anything was pushed';
comment on column etl.run.report is 'All of it: files, rows, models, checks, rows per table, seconds per stage';

do $$
begin
    if exists (select from pg_roles where rolname = 'salesmart_reader') then
        grant select on etl.run to salesmart_reader;
    end if;
end
$$;
