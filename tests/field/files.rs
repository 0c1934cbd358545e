//! Files by other programs: Parquet, NDJSON and fixed places.
