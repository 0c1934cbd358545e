//! Writes the folder of the DuckDB library into the test binary (rpath), so that it starts without `LD_LIBRARY_PATH`. Build
//! script of the crates whose own tests call DuckDB.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=../staging/rpath.rs");
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if let Ok(folder) = std::env::var("DUCKDB_LIB_DIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
