# Two commands: `make run` starts the whole suite, `make test` checks everything that CI checks.
# Build output lies outside the clone, so that several clones share it.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/bailiwick/target
export BAILIWICK_TOOLS ?= $(HOME)/.cache/bailiwick/tools

DATA ?= ./data

.PHONY: run test setup fmt matrix stubs bench

run:
	cargo build --package bailiwick
	$(CARGO_TARGET_DIR)/debug/bailiwick bootstrap --data $(DATA)
	$(CARGO_TARGET_DIR)/debug/bailiwick serve --all --config $(DATA)/bailiwick.toml

test:
	scripts/test

setup:
	scripts/setup

fmt:
	cargo fmt --all
	$(BAILIWICK_TOOLS)/bin/buf format -w proto

# Packages of stubs in ./stubs: go, python, node, and java where there is Maven.
stubs: setup
	scripts/stubs

# Writes the authorization matrix anew after a change of the contract; its diff is part of the review.
matrix:
	BAILIWICK_WRITE_GOLDEN=1 cargo test --package bailiwick-tests --test suite matrix

# Measures imports of findings beside what the databases do at best, and access decisions beside Cedar and a bare server;
# `make bench FINDINGS=100000` for a short one. docs/performance.md has what came of it.
FINDINGS ?= 1000000
bench:
	cargo run --release --package bailiwick-benches --bin posture -- --findings $(FINDINGS)
	cargo run --release --package bailiwick-benches --bin sase
