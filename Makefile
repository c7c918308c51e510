# Everything below works on a fresh machine with Python 3.11+, Rust and make; what it needs, it builds in .venv.
# Without Rust: `make NOEX_REQUIRE_NATIVE= ...`, which makes do with the pure kernel.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NATIVE := $(VENV)/.native
CRATE := rust/Cargo.toml
CRATE_FILES := setup.py $(shell find rust -name target -prune -o -type f -print)
NOT_BUILT := src/noex/kernel/_native_missing.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
REQUIREMENTS := requirements/dev.txt

# Without the native kernel nothing is silently slower: it is an error, unless this is empty.
export NOEX_REQUIRE_NATIVE ?= 1
REQUIRED := $(filter-out 0,$(NOEX_REQUIRE_NATIVE))
CARGO := $(shell command -v cargo)
# What the extension is built of stays with its environment, so that another Python does not build everything again.
NATIVE_TARGET := $(CURDIR)/$(VENV)/rust

# What tells kernels apart: what tables do, in whatever order, from several threads, and with hostile code in them.
OF_THE_KERNEL := tests/conformance tests/property/test_machines.py tests/property/test_store_machines.py \
	$(addprefix tests/concurrency/,test_evil_objects.py test_evil_watched.py test_native_hostile.py test_racy_indexes.py \
	test_racy_tables.py test_racy_transactions.py)

.PHONY: help demo test test-all test-pure test-free-threaded free-threaded-tests rust-test check rust-check bench docs \
	lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

$(STAMP): pyproject.toml $(REQUIREMENTS)
ifeq ($(CARGO),)
	$(if $(REQUIRED),$(error noex is built with Rust, and there is no cargo here: install it (https://rustup.rs), or make \
		do with the pure kernel, which is slower: `make NOEX_REQUIRE_NATIVE= $(MAKECMDGOALS)`))
endif
	@echo "==> building the environment in $(VENV) (once)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --requirement $(REQUIREMENTS)
	CARGO_TARGET_DIR=$(NATIVE_TARGET) $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# An edit of the crate builds the extension again, and nothing else.
$(NATIVE): $(STAMP) $(CRATE_FILES)
	@echo "==> building the native kernel"
	@CARGO_TARGET_DIR=$(NATIVE_TARGET) $(BIN)/python setup.py --quiet build_rust --inplace
	@test -e $(NOT_BUILT) || touch $@

demo: $(NATIVE) ## the main job: replay a generated access log through every recipe
	@echo "==> noex demo: an access log made on the spot, replayed through cache, sessions, counters, rates, leaderboard, metrics"
	$(BIN)/noex demo

test: $(NATIVE) rust-test ## the everyday suite on the native kernel, then what depends on the kernel on the pure one
	@echo "==> tests"
	$(BIN)/python -m pytest -q -m "not slow"
	@$(MAKE) --no-print-directory test-pure

test-all: $(NATIVE) rust-test ## everything, long runs included, on both kernels
	@echo "==> all tests, long runs included"
	NOEX_TEST_LONG=1 $(BIN)/python -m pytest -q
	@echo "==> all tests, long runs included, on the pure kernel"
	NOEX_TEST_LONG=1 NOEX_KERNEL=pure $(BIN)/python -m pytest -q

test-pure: $(NATIVE) ## what depends most on the kernel, on the pure one
	@echo "==> tests on the pure kernel"
	NOEX_KERNEL=pure $(BIN)/python -m pytest -q -m "not slow" $(OF_THE_KERNEL)

test-free-threaded: ## conformance, hostile and racing tests without the GIL: PYTHON=python3.13t
	@$(MAKE) --no-print-directory VENV=.venv-free-threaded REQUIREMENTS=requirements/free-threaded.txt free-threaded-tests

# What is wrong about snapshots cannot be told from msgspec being away, which the other tests skip for (tests/conftest.py).
free-threaded-tests: $(NATIVE)
	@echo "==> tests without the GIL"
	@$(BIN)/python -c "import sysconfig as s; exit(not s.get_config_var('Py_GIL_DISABLED') and 'no free-threaded Python')"
	PYTHON_GIL=0 $(BIN)/python -m pytest -q -k "not misuse_of_snapshots" tests/conformance tests/concurrency

rust-test:
ifneq ($(CARGO)$(REQUIRED),)
	@echo "==> tests of the crate, without Python"
	cargo test --quiet --locked --manifest-path $(CRATE)
else
	@echo "==> no Rust here: the tests of the crate are left out"
endif

check: $(NATIVE) rust-check ## format, lint, types; of the crate too
	@echo "==> format, lint, types"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	@if test -e $(NOT_BUILT); then echo "==> no native kernel here: its stubs are not checked"; \
	else $(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml noex.kernel._native; fi

rust-check: $(STAMP)
ifneq ($(CARGO)$(REQUIRED),)
	@echo "==> format and lint of the crate"
	cargo fmt --check --manifest-path $(CRATE)
	cargo clippy --quiet --locked --manifest-path $(CRATE) --all-targets -- -D warnings
	PYO3_PYTHON=$(CURDIR)/$(BIN)/python \
		cargo clippy --quiet --locked --manifest-path $(CRATE) --all-targets --features python -- -D warnings
else
	@echo "==> no Rust here: the crate is not checked"
endif

bench: $(NATIVE) ## benchmarks: ratios against named peers, one script per question; writes docs/performance.md
	@echo "==> benchmarks"
	$(BIN)/python benchmarks

docs: $(NATIVE) ## check that every code block of the docs runs
	@echo "==> code in the docs"
	$(BIN)/python -m pytest -q tests/meta/test_docs.py

lock: ## refresh requirements/dev.txt, the lock file of development
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-lock/bin/python -m pip install --quiet --group dev --editable ".[cli,testing]"
	$(VENV)-lock/bin/python -m pip freeze --all --exclude-editable --exclude pip > requirements/dev.txt
	rm -rf $(VENV)-lock

clean: ## remove what was built
	rm -rf $(VENV) $(VENV)-lock build dist rust/target src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f src/noex/kernel/_native.*.so $(NOT_BUILT)
