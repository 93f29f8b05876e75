# make run    serve http://127.0.0.1:8000       make test    everything that CI checks
# Each creates .venv and installs what it needs. Variables: PYTHON, ARGS (serve), TESTS (check).

SHELL := /bin/sh
BIN := .venv/bin
WORKERS ?= 2
TESTS ?= tests
PURE := tests/protocol tests/actors tests/log
RUN_READY := .venv/.ready-run
DEV_READY := .venv/.ready-dev

.DEFAULT_GOAL := help
.PHONY: help run test setup lint types layers pure check format lock schemas settings bench clean

help:
	@echo "make run      serve http://127.0.0.1:8000 (ARGS='--port 8080' ...)"
	@echo "make test     lint, types, layers, tests, coverage: what CI runs"
	@echo "make check    tests alone (TESTS=tests/web ...)"
	@echo "make lint types layers pure format lock settings bench clean"

run: $(RUN_READY)
	$(BIN)/netra-actors serve $(ARGS)

setup: $(DEV_READY)

# What the tests need covers what a run needs, so a full environment is never cut down.
$(RUN_READY): requirements/run.txt requirements/build.txt pyproject.toml scripts/setup.sh
	@if [ -e $(DEV_READY) ]; then scripts/setup.sh dev; else scripts/setup.sh run; fi
	@touch $@

$(DEV_READY): requirements/dev.txt pyproject.toml scripts/setup.sh
	@scripts/setup.sh dev
	@touch $@ $(RUN_READY)

test: lint types layers pure
	$(BIN)/python -m pytest -q -n $(WORKERS) $(addprefix --ignore=,$(PURE)) tests

lint: $(DEV_READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/flake8

types: $(DEV_READY)
	$(BIN)/mypy

layers: $(DEV_READY)
	$(BIN)/lint-imports

# Protocol, actors and log are covered to the last branch by their own tests.
pure: $(DEV_READY)
	rm -f .coverage.pure
	$(BIN)/coverage run --data-file=.coverage.pure -m pytest -q $(wildcard $(PURE))
	$(BIN)/coverage report --data-file=.coverage.pure --fail-under=100 --skip-covered \
	  --show-missing --include='netra_actors/protocol/*,netra_actors/actors/*,netra_actors/log/*'

check: $(DEV_READY)
	$(BIN)/python -m pytest -q -n $(WORKERS) $(TESTS)

format: $(DEV_READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(DEV_READY)
	scripts/lock.sh

schemas: $(DEV_READY)
	$(BIN)/python scripts/generate_schemas.py

settings: $(DEV_READY)
	$(BIN)/python scripts/generate_settings.py

# Each prints one table; a quiet machine gives better figures.
bench: $(DEV_READY)
	@for file in $$(grep -l __main__ benchmarks/*.py); do \
	  echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename "$$file" .py) || exit 1; done

clean:
	rm -rf .venv .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
