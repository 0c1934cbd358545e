//! Writes the folder of the DuckDB library into the binary (rpath), so that the built program starts
//! without `LD_LIBRARY_PATH`. With the feature `bundled` there is nothing to find.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // These are embedded: what `init` writes.
    for embedded in ["sql", "data/contracts", "data/sample"] {
        println!("cargo:rerun-if-changed={embedded}");
    }
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if std::env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    match std::env::var("DUCKDB_LIB_DIR") {
        Ok(dir) => println!("cargo:rustc-link-arg=-Wl,-rpath,{dir}"),
        Err(_) => println!(
            "cargo:warning=DUCKDB_LIB_DIR is not set: build with `make build`, which fetches the official DuckDB library, or with `--features bundled`"
        ),
    }
}
