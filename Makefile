# Every verb a developer needs. `make help` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help install demo test test-mvp check fmt lint types imports schemas verify-schemas compatibility docs otelcol bench bench-deps clean lock

help: ## list every verb
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1|/' | awk -F'|' '{printf "  %-16s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Phoenix needs Python 3.11: '$(PYTHON)' was not found. Set PYTHON=/path/to/python3.11."; exit 2; }
	@echo "Installing into $(VENV) (once)..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@{ $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock \
	  && $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ; } \
	  > $(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	@touch $(STAMP)

install: $(STAMP) ## create the environment and install everything

demo: $(STAMP) ## run a whole experiment: apply, watch both variants, print the verdict
	@$(BIN)/python -m phoenix.cli demo

test: $(STAMP) ## run every test
	@$(BIN)/python -m pytest -n 2 --dist worksteal

test-mvp: $(STAMP) ## run the tracker's lines, pass or fail per line
	@$(BIN)/python tests/mvp.py

check: $(STAMP) ## format, lint, types, imports, schemas, docs, tests: the one gate
	@$(MAKE) --no-print-directory fmt-check lint types imports verify-schemas test

fmt: $(STAMP) ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only -q .

fmt-check: $(STAMP)
	@$(BIN)/ruff format --check .

lint: $(STAMP) ## ruff and spelling
	@$(BIN)/ruff check .
	@$(BIN)/codespell README.md docs phoenix controllers resources tests

types: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

imports: $(STAMP) ## the rooms: import-linter
	@$(BIN)/lint-imports --no-cache

schemas: $(STAMP) ## generate CRDs, JSON Schemas and the reference from the models
	@$(BIN)/python -m phoenix.api.generate schemas
	@$(BIN)/python -m phoenix.api.reference docs/reference

verify-schemas: $(STAMP) ## fail when schemas/ or docs/reference/ is stale
	@$(BIN)/python -m phoenix.api.generate schemas --check
	@$(BIN)/python -m phoenix.api.reference docs/reference --check

COMPATIBILITY := tests/integration/apiserver/wire $(wildcard tests/e2e/test_kubectl.py tests/e2e/test_libraries*.py tests/e2e/libraries)
compatibility: $(STAMP) ## run kubectl, client libraries and their recorded requests; write docs/compatibility.md
	@rows=$$(mktemp) && { PHOENIX_COMPATIBILITY=$$rows $(BIN)/python -m pytest -n 2 --dist worksteal $(COMPATIBILITY); \
	  $(BIN)/python -m tests.harness.compatibility $$rows; code=$$?; rm -f $$rows; exit $$code; }

otelcol: $(STAMP) ## build the real Collector (needs Go; ten minutes the first time, cached afterwards)
	@$(BIN)/python otelcol/build.py

bench: $(STAMP) ## measured comparisons, each a ratio in one run
	@$(BIN)/python -m benchmarks

bench-deps: ## install the peers and load clients that bench compares with (Debian, as root): etcd, h2load, wrk
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends etcd-server nghttp2-client wrk

lock: ## rewrite requirements.lock from the current environment
	@$(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip=' | grep -v '^phoenix' > requirements.lock

clean: ## remove the environment and caches (never state/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
