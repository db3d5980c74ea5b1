# Everything the project is used and checked with. A fresh machine needs Python 3.11 or newer, make
# and a package index; the environment is made on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXIT ?=
# uv does not read pip's configuration; whoever has an index of their own has it there
INDEX = $(or $(UV_DEFAULT_INDEX),$(PIP_INDEX_URL),$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
# the machine's own certificates, as pip and the browser use them
export UV_SYSTEM_CERTS ?= 1
# without compiled files, which some images forbid, every start of a process takes twice as long
unexport PYTHONDONTWRITEBYTECODE
UV = $(if $(INDEX),UV_DEFAULT_INDEX="$(INDEX)") $(BIN)/uv

.DEFAULT_GOAL := help
.PHONY: help env lock demo up down check lint types unit integration e2e test test-s3 compose-test bench chance clean

help: ## Show what can be made
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

env: $(READY) ## Make the environment at .venv/

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) -V). Use: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements.txt)"
	$(UV) pip sync --quiet requirements.txt
	$(UV) pip install --quiet --no-deps --editable .
	@touch $@

lock: $(READY) ## Make requirements.txt from pyproject.toml, one lock for Python 3.11 to 3.13
	$(UV) pip compile --quiet --universal --python-version 3.11 --no-header --upgrade \
		--group demo --group server --group dev pyproject.toml --output-file requirements.txt

demo: $(READY) ## Watch a model live half a year; EXIT=1 stops everything at the end
	@$(BIN)/mlfactory demo $(if $(EXIT),--exit)

up: $(READY) ## Start Airflow and MLflow
	@$(BIN)/mlfactory up

down: $(READY) ## Stop them
	@$(BIN)/mlfactory down

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/pytest -q -n 2 tests/unit

check: lint types unit ## Lint, types and unit tests, which need no server

test-s3: $(READY) ## Integration and life with the lake on radosgw, a production S3 server (Debian; installs it as root)
	$(BIN)/python -m tests.s3.radosgw
	$(BIN)/pytest -q -n 2 --dist worksteal --lake=s3 --s3=radosgw tests/integration
	$(BIN)/pytest -q --lake=s3 --s3=radosgw tests/e2e

test: check ## Everything CI runs; servers and stacks wait a lot, so two parts run side by side
	$(MAKE) -j2 integration e2e
	@if docker info >/dev/null 2>&1; then $(MAKE) compose-test; \
	else echo "compose-test is left out: no Docker engine answers here"; fi

integration: $(READY) ## Tests that need files and servers, with the lake in a folder and on S3 (moto)
	$(BIN)/pytest -q -n 3 --dist worksteal --lake=both tests/integration

e2e: $(READY) ## The whole stack: trouble and life with the lake in a folder, life on S3 (moto)
	$(BIN)/pytest -q tests/e2e
	$(BIN)/pytest -q --lake=s3 tests/e2e/test_life.py

compose-test: $(READY) ## docker-compose.yaml in a real engine: two workers, of which one is killed
	$(BIN)/pytest -q tests/compose

chance: $(READY) ## Simulate what gates and monitor do by chance; writes docs/chance.md
	@$(BIN)/python benchmarks/chance

bench: $(READY) ## Measure; prints one table for each question
	@for script in $(shell grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean: ## Stop the stack and remove all state of runs; keeps the environment
	@test ! -x $(BIN)/mlfactory || $(BIN)/mlfactory down
	rm -rf var
