# The verbs of the house. `make` alone lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run dev test test-faults check bench bundle
.PHONY: setup-run ui brokers

# The window is built into the program: without this feature it would look for the development server.
APP := --features queuescope/custom-protocol
# Where rustup puts cargo, for shells that have not read its profile yet.
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET := $(or $(CARGO_TARGET_DIR),target)

help:
	@echo 'make setup   make this machine ready: system packages, the window'\''s packages'
	@echo 'make run     build the app and open its window'
	@echo 'make dev     open the window and rebuild it while you edit'
	@echo 'make test    everything that must hold: checks, unit tests, real brokers, the real window'
	@echo 'make test-faults   the long form of the kills, cuts and restarts; takes hours'
	@echo 'make check   formatting, lints and types only'
	@echo 'make bench   measure, and write docs/benchmarks.md'
	@echo 'make bundle  build the .deb package'

setup:
	@tests/support/setup.sh test

run: setup-run ui
	cargo build --locked -p queuescope $(APP)
	@tests/support/run.sh $(TARGET)/debug/queuescope

dev: setup-run
	@test -n "$$DISPLAY$$WAYLAND_DISPLAY" || \
		{ echo 'dev: there is no display here; make run shows the window on a virtual one' >&2; exit 1; }
	ui/node_modules/.bin/tauri dev --config '{"build":{"beforeDevCommand":"npm --prefix $(CURDIR)/ui run dev"}}'

# Built first and in one graph with the tests: the journeys drive this very program, and no test run replaces it.
test: setup brokers check
	npm --prefix ui test
	cargo build --locked --workspace --all-targets $(APP)
	cargo test --locked --workspace $(APP) --no-fail-fast

# The tests of faults alone, with as many messages and faults as safety asks for. QUEUESCOPE_SEED repeats a run.
test-faults: export QUEUESCOPE_FAULTS := long
test-faults: setup brokers
	cargo build --locked -p cli
	cargo test --locked -p tests --test faults

check: setup ui
	npm --prefix ui run check
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets $(APP) -- -D warnings

bench: setup brokers ui
	cargo build --locked --release -p queuescope -p cli $(APP)
	cargo bench --locked -p tests --bench bench

bundle: setup-run ui
	cargo build --locked --release -p queuescope $(APP)
	ui/node_modules/.bin/tauri bundle --bundles deb

setup-run:
	@tests/support/setup.sh run

ui:
	npm --prefix ui run build

brokers:
	@tests/support/fetch-brokers.sh
