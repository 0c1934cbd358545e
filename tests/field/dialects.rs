//! Dialects of text files: line breaks, marks, quotes, escapes, headers, short and long records, encodings.
