//! Records with the same key: in one file, in unrelated files, and corrections.
