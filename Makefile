# Podling's front door. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
BIN := .venv/bin
# Tests run in two processes, a file in one of them: names, ports and ranges are every run's own.
BESIDE := -n 2 --dist loadfile

.PHONY: help setup setup-dev demo test test-unit test-cluster test-linux test-long check format bench types api-support clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Prepare this machine: .venv, dependencies, container tools
	@tools/setup.sh run

setup-dev: ## The same, plus what checks and tests need
	@tools/setup.sh dev

demo: setup ## Start a cluster and run the tutorial's Pods, step by step
	@$(BIN)/podling demo

test: check ## Every check and every test
	@$(PY) -m pytest -q -m "not long" $(BESIDE) tests

test-unit: setup-dev ## Only the pure tests
	@$(PY) -m pytest -q -m "not long" $(BESIDE) tests/unit

test-cluster: setup-dev ## Only the in-memory cluster
	@$(PY) -m pytest -q -m "not long" $(BESIDE) tests/cluster

test-linux: setup-dev ## Only real Linux (needs root)
	@$(PY) -m pytest -q -m "not long" $(BESIDE) tests/linux

test-long: setup-dev ## The soaks and wide sweeps that `make test` leaves out
	@$(PY) -m pytest -q -m long tests

check: setup-dev ## Format, lint, types, layers and the laws of the house
	@$(BIN)/ruff format --check --quiet src tests tools bench || { echo "formatting differs: run 'make format'"; exit 1; }
	@$(BIN)/ruff check --quiet src tests tools bench
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >.venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@$(PY) -m pytest -q tests/unit/laws

format: setup-dev ## Format the sources
	@$(BIN)/ruff format src tests tools bench
	@$(BIN)/ruff check --quiet --fix src tests tools bench

bench: setup-dev ## Measure, beside the figures to beat
	@$(PY) bench/run.py

types: setup-dev ## Generate api/types from the official schemas again
	@$(PY) tools/generate_types.py

api-support: setup-dev ## Write docs/api-support.md again
	@$(PY) tools/generate_api_support.py

clean: ## Remove what builds and tests left in this checkout (clusters: `podling delete`)
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/*.egg-info bench-results
	@find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
