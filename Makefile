# Every target does its own set-up. Nothing is installed outside this directory, but for what cargo and npm cache.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

HARDFORKS := shanghai cancun prague osaka
# These tests set their hardforks by themselves, so they run in one round only.
ONE_ROUND := test/{unit/Gas,fuzz/Hardforks}.t.sol
CARGO_FLAGS := --locked

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-contracts test-rust test-alerts test-page coverage lint lint-contracts lint-rust lint-text \
	advisories fmt bindings gas-report gas-diff bench wasm verify release-files audit audit-quick mutants mutants-sample mutants-wallet deep deep-wallet model \
	package package-test sbom release-check

help:
	@echo 'make demo      pay thousands of times in Rust, and cash that on a local chain'
	@echo 'make test      every test: contracts under each hardfork, coverage, gas, Rust'
	@echo 'make test-alerts  each alert rule of the service, by promtool'
	@echo 'make test-page  the status page of the service in a real Chromium, which Debian has'
	@echo 'make lint      formatting, linters, documentation, spelling, imports, licences, and drift of generated files'
	@echo 'make advisories  what is known against the dependencies; needs the network'
	@echo 'make audit     the proofs of docs/proofs.md, their sabotages, and slither; needs Python 3.11 or newer'
	@echo 'make audit-quick  the proofs of the direct form, of the factory and of the digests, and slither'
	@echo 'make mutants   change contracts and thin crate in a thousand ways, each of which a test must notice; takes an hour'
	@echo 'make mutants-sample  the same with a few of them, others whenever the code changes'
	@echo 'make mutants-wallet  the same with the decisions of the wallet; takes an hour'
	@echo 'make model     1,000 random sequences of each form and hardfork, on anvil and in the model: 20 minutes'
	@echo 'make deep      a million runs of each fuzz test, ten million calls of the invariants; HOURS=24'
	@echo 'make deep-wallet  the wallet beside its model, through the troubles of its nodes; HOURS=24'
	@echo 'make fmt       format all code'
	@echo 'make bindings  write rust-client/abi, contracts/*.json, deployments.json and a table of docs/chains.md'
	@echo 'make gas-report  measure every transaction on anvil, and write gas/'
	@echo 'make gas-diff  what differs in gas and sizes since BASE, a revision of git; default: the branch from main'
	@echo 'make bench     how many cheques a second the wallet issues and receives, and the service issues'
	@echo 'make release-files  standard JSON input of the contracts, and deployments.json, in target/release-files'
	@echo 'make package   the npm package, in target; make package-test uses it in a new project'
	@echo 'make sbom      what the published packages consist of, as CycloneDX, in target/release-files/sbom'
	@echo 'make release-check  all of docs/release.md that publishes nothing; takes hours'
	@echo 'make verify RPC=… ADDRESS=…  what stands at an address of a chain, and whether it is genuine'
	@echo 'make wasm      check that cheques build for wasm32; rustup target add wasm32-unknown-unknown first'

setup:
	@tools/setup.sh

build: setup
	forge build

demo: setup
	cargo run --bin chequebook $(CARGO_FLAGS) -- demo

test: test-contracts coverage test-rust
	@echo 'all tests passed'

# One round for each hardfork; each tests every form.
test-contracts: build
	@skip=; for hardfork in $(HARDFORKS); do \
		echo "== contracts under $$hardfork"; \
		FOUNDRY_HARDFORK=$$hardfork forge test $${skip:+--no-match-path "$$skip"} || exit 1; \
		skip='$(ONE_ROUND)'; \
	done

# Coverage is of the unoptimized build, whose code is larger and uses more gas than the real one. The invariant campaigns
# add nothing to it, and without the optimizer their handler exceeds the size limit of a contract; so do scripts.
coverage: setup
	forge coverage --skip 'test/invariant/*' --skip 'script/*' --ignored-error-codes 5159 \
		--no-match-contract '^(Build|Gas)' --no-match-coverage '^(test|script)/' --report summary --report lcov
	node tools/coverage.mjs lcov.info

test-rust: build
	cargo test --workspace $(CARGO_FLAGS)
	cargo test --package chequebook --no-default-features $(CARGO_FLAGS)
	cargo run --package chequebook-gas-report $(CARGO_FLAGS) -- --check
	cargo run --package chequebook-amsterdam $(CARGO_FLAGS) -- --check

# Needs promtool, of Debian's package prometheus.
test-alerts: build
	@tools/debian.sh promtool prometheus
	cargo test --test alerts $(CARGO_FLAGS)

# The tests write which browser it was: without one nothing counts as tested.
test-page: setup
	@tools/debian.sh $${CHROMIUM:-/usr/bin/chromium} chromium
	cargo build --bin chequebook $(CARGO_FLAGS)
	rm -f target/test-page-browser
	node --test --test-concurrency=1 --test-timeout=180000 test/page/*.test.mjs
	@test -s target/test-page-browser || { echo 'test-page: no browser ran' >&2; exit 1; }

lint: lint-contracts lint-rust lint-text

# Linting compiles without bytecode, so it has its own output directory.
lint-contracts: build
	forge fmt --check
	FOUNDRY_OUT=cache/lint/out FOUNDRY_CACHE_PATH=cache/lint forge lint
	FOUNDRY_PROFILE=audit FOUNDRY_OUT=cache/lint/audit/out FOUNDRY_CACHE_PATH=cache/lint/audit forge lint
	node tools/bindings.mjs --check
	tools/reproducible.sh

lint-rust: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features $(CARGO_FLAGS) -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps $(CARGO_FLAGS)
	tools/crate.sh
	tools/lint-tools.sh cargo-deny --workspace $(CARGO_FLAGS) check --deny warnings --hide-inclusion-graph licenses bans sources

lint-text: build
	node --test tools/*.test.mjs
	node tools/imports.mjs --strict
	node tools/claims.mjs
	tools/lint-tools.sh typos

# What is known against a dependency changes every day, so it is asked for by itself, and not without the network.
advisories:
	tools/lint-tools.sh cargo-deny --workspace $(CARGO_FLAGS) --all-features check --deny warnings --hide-inclusion-graph advisories

audit audit-quick: setup
	@command -v python3 >/dev/null || { echo 'audit: needs Python 3.11 or newer' >&2; exit 1; }
	tools/audit/run $(if $(filter audit-quick,$@),--quick)

mutants mutants-sample: build
	node tools/mutants/run.mjs $(if $(filter mutants-sample,$@),--sample)
	node tools/mutants/rust.mjs $(if $(filter mutants-sample,$@),--sample)

mutants-wallet: setup
	node tools/mutants/rust.mjs --wallet

SEQUENCES := 1000
SEED := 2016
model: build
	SEQUENCES=$(SEQUENCES) SEED=$(SEED) cargo test --test e2e $(CARGO_FLAGS) model -- --nocapture

HOURS := 24
deep: build
	node tools/deep.mjs $(HOURS)

# Random sequences of the wallet beside its model, others each time.
deep-wallet: setup
	end=$$((SECONDS + HOURS * 3600)); while [ $$SECONDS -lt $$end ]; do \
		CHEQUEBOOK_MODEL_CASES=1000 cargo test --package chequebook-wallet --test model $(CARGO_FLAGS) || exit 1; \
	done

fmt: setup
	forge fmt
	cargo fmt --all

bindings: build
	node tools/bindings.mjs

gas-report: build
	cargo run --package chequebook-gas-report $(CARGO_FLAGS)
	cargo run --package chequebook-amsterdam $(CARGO_FLAGS)

gas-diff:
	@node tools/gas-diff.mjs "$${BASE:-$$(git merge-base HEAD main)}"

bench: setup
	cargo bench --package chequebook-wallet $(CARGO_FLAGS)
	cargo bench --package chequebook-cli --bench load $(CARGO_FLAGS)

wasm:
	cargo check --package chequebook --no-default-features --target wasm32-unknown-unknown $(CARGO_FLAGS)

# Make itself ends with 2 whenever a command fails; `node tools/verify.mjs` tells more.
verify: setup
	@node tools/verify.mjs

# What a release brings along for explorers and for who verifies.
release-files: build
	rm -rf target/release-files
	node tools/standard-json.mjs target/release-files/standard-json
	cp deployments.json target/release-files

package: setup
	node tools/package.mjs

package-test: setup
	node tools/package-test.mjs

sbom: setup
	node tools/sbom.mjs

# All that a release needs and that publishes nothing: docs/release.md.
release-check: lint test test-page audit model mutants mutants-wallet advisories release-files sbom package-test
	cargo publish --dry-run $(CARGO_FLAGS) -p chequebook -p chequebook-wallet
