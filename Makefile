# Everything below works on a fresh machine with Python 3.11+ and make; what it needs, it builds in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test test-all check bench docs lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml requirements/dev.txt
	@echo "==> building the environment in $(VENV) (once)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(STAMP) ## the main job: replay a generated access log through every recipe
	@echo "==> noex demo: an access log made on the spot, replayed through cache, sessions, counters, rates, leaderboard, metrics"
	$(BIN)/noex demo

test: $(STAMP) ## the everyday suite: unit, conformance, property, concurrency, doctests, examples
	@echo "==> tests"
	$(BIN)/python -m pytest -q -m "not slow"

test-all: $(STAMP) ## everything, long runs included
	@echo "==> all tests, long runs included"
	NOEX_TEST_LONG=1 $(BIN)/python -m pytest -q

check: $(STAMP) ## format, lint, types
	@echo "==> format, lint, types"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright

bench: $(STAMP) ## benchmarks: ratios against named peers, one script per question; writes docs/performance.md
	@echo "==> benchmarks"
	$(BIN)/python benchmarks

docs: $(STAMP) ## check that every code block of the docs runs
	@echo "==> code in the docs"
	$(BIN)/python -m pytest -q tests/meta/test_docs.py

lock: ## refresh requirements/dev.txt, the lock file of development
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade pip
	$(VENV)-lock/bin/python -m pip install --quiet --group dev --editable ".[cli,testing]"
	$(VENV)-lock/bin/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > requirements/dev.txt
	rm -rf $(VENV)-lock

clean: ## remove what was built
	rm -rf $(VENV) $(VENV)-lock build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
