-- Records of a run that share their key with a record of other content: counted beside the rejects.
alter table etl.run add column rows_repeated bigint not null default 0;
alter table etl.run add column rows_outranked bigint not null default 0;
alter table etl.run add column rows_unrelated bigint not null default 0;

comment on column etl.run.rows_repeated is 'Accepted records that a later record of the same file replaces: same key, other content';
comment on column etl.run.rows_outranked is 'Accepted records without effect: a file loaded before, whose name sorts later, has their key with other content';
comment on column etl.run.rows_unrelated is 'Records replaced by unrelated records of another file, where that happens to most of a file';
