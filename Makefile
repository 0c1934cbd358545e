# What people and CI call. `make help` lists the targets.
#
# DuckDB comes in one of two ways, chosen here:
#   1. the official prebuilt library (minutes): the folder in DUCKDB_LIB_DIR if that is set, else the one in the npm
#      package @duckdb/node-bindings-<os>-<arch>, if npm is there;
#   2. compiled from source, cargo feature `bundled` (most of an hour on two cores), if there is no npm.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

CACHE := $(HOME)/.cache/salesmart
# Outside the checkout, so that a fresh clone reuses what was compiled before.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export INSTA_WORKSPACE_ROOT := $(CURDIR)

DUCKDB_VERSION := 1.5.6
DUCKDB_PACKAGE_VERSION := 1.5.6-r.1
INSTA_VERSION := 1.49.0

OS := $(shell uname -s | tr A-Z a-z)
ARCH := $(subst aarch64,arm64,$(subst x86_64,x64,$(shell uname -m)))
LIBRARY := $(if $(filter darwin,$(OS)),libduckdb.dylib,libduckdb.so)
FETCHED := $(CACHE)/duckdb-$(DUCKDB_VERSION)

ifdef DUCKDB_LIB_DIR
  export DUCKDB_LIB_DIR
else ifneq ($(wildcard $(FETCHED)/$(LIBRARY)),)
  export DUCKDB_LIB_DIR := $(FETCHED)
else ifneq ($(shell command -v npm),)
  export DUCKDB_LIB_DIR := $(FETCHED)
  NEEDS_LIBRARY := duckdb
else
  FEATURES := --features bundled
endif

CARGO := cargo
BUILD := --release --locked $(FEATURES)
# Where the tests find axe-core.
export SALESMART_AXE := $(CACHE)/tools/axe.min.js

INSTA := PATH="$(CACHE)/tools/bin:$$PATH" $(CARGO) insta test --release --workspace --test-runner cargo-test --no-quiet
# Such as TEST_ARGS="sync::" for the tests of one module.
TEST_ARGS ?= --test-threads=3
# Such as BENCH_ARGS="--rounds 9".
BENCH_ARGS ?=
SALESMART := $(CARGO_TARGET_DIR)/release/salesmart

.PHONY: help build demo test check fmt clippy snapshots bench-ingest bench-build bench-sync bench-serve screenshots duckdb postgres pooler browser tools dist clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

build: $(NEEDS_LIBRARY) ## compile the program
	@echo "== compiling salesmart (the first time takes minutes$(if $(FEATURES),; DuckDB from source takes most of an hour,))"
	$(CARGO) build $(BUILD)
	@echo "== built $(SALESMART)"

demo: postgres build ## load the sample into a private PostgreSQL and show what is there
	$(SALESMART) demo --dir demo

test: postgres pooler browser $(NEEDS_LIBRARY) tools ## all tests; unreferenced snapshots fail
	$(CARGO) build $(BUILD) --workspace --tests
	$(INSTA) --check --unreferenced=reject $(FEATURES) -- $(TEST_ARGS)

check: fmt clippy test ## everything CI wants

fmt: ## formatting, without changing anything
	$(CARGO) fmt --all --check

clippy: $(NEEDS_LIBRARY) ## lints, warnings are errors
	$(CARGO) clippy $(BUILD) --workspace --all-targets -- -D warnings

snapshots: postgres pooler browser $(NEEDS_LIBRARY) tools ## run the tests and accept changed snapshots; review them with git diff
	$(INSTA) --accept --unreferenced=delete $(FEATURES) -- $(TEST_ARGS)

bench-ingest: $(NEEDS_LIBRARY) ## time ingest beside DuckDB's read_csv on 2,000,000 rows (BENCH_ARGS=--help)
	$(CARGO) bench --profile release --locked $(FEATURES) --bench ingest -- $(BENCH_ARGS)

bench-build: $(NEEDS_LIBRARY) ## time a day onto 2, 10 and 20 million records, beside dbt (BENCH_ARGS=--help)
	$(CARGO) bench --profile release --locked $(FEATURES) --bench build -- $(BENCH_ARGS)

bench-sync: postgres $(NEEDS_LIBRARY) ## time a sync beside PostgreSQL's own COPY on 2,000,000 sales (BENCH_ARGS=--help)
	$(CARGO) bench --profile release --locked $(FEATURES) --bench sync -- $(BENCH_ARGS)

bench-serve: postgres $(NEEDS_LIBRARY) ## time pages and API with 16 clients on 2,000,000 sales (BENCH_ARGS=--help)
	$(CARGO) bench --profile release --locked $(FEATURES) --bench serve -- $(BENCH_ARGS)

screenshots: postgres browser $(NEEDS_LIBRARY) ## take the pictures of the dashboard that the README shows
	SALESMART_SCREENSHOTS=$(CURDIR)/dashboards/screenshots $(CARGO) test $(BUILD) --test main -- dashboard::pictures_of_the_pages

duckdb: ## fetch the official DuckDB library
	@echo "== fetching the DuckDB $(DUCKDB_VERSION) library ($(OS)-$(ARCH)) from npm"
	mkdir -p $(FETCHED)
	cd $(FETCHED) && npm pack --silent @duckdb/node-bindings-$(OS)-$(ARCH)@$(DUCKDB_PACKAGE_VERSION) && \
	  tar xzf *.tgz --strip-components=1 package/$(LIBRARY) && rm -f *.tgz

postgres: ## install the PostgreSQL server programs where none are found
	@scripts/postgres.sh

pooler: ## install PgBouncer, which one test needs
	@scripts/pooler.sh

browser: ## install Chromium, its driver and axe-core, for the tests of the dashboard
	@scripts/browser.sh $(CACHE)/tools

tools: ## install cargo-insta, which the tests need
	@if [ ! -x $(CACHE)/tools/bin/cargo-insta ]; then \
	  echo "== installing cargo-insta $(INSTA_VERSION) (once)"; \
	  $(CARGO) install cargo-insta --debug --quiet --locked --version $(INSTA_VERSION) --root $(CACHE)/tools; \
	fi

dist: ## one self-contained binary, DuckDB compiled in (most of an hour)
	env -u DUCKDB_LIB_DIR $(CARGO) build --profile dist --locked --features bundled
	@echo "== built $(CARGO_TARGET_DIR)/dist/salesmart"

clean: ## remove the demo project; compiled files stay in $(CACHE)
	rm -rf demo
