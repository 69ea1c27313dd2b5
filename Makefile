# Every verb a developer needs. `make help` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: help install demo test soak test-mvp test-clients check fmt lint types imports schemas verify-schemas compatibility catalogue docs otelcol differential bench bench-deps clean lock kube kubectl go-build conformance

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
	@$(BIN)/python -m tests.suite

COUNT ?= 200
AT_ONCE ?= 8
soak: $(STAMP) ## 200 short experiments on one Phoenix (COUNT=40 for fewer): never wrong, and nothing grows
	@$(BIN)/python -m tests.soak --count $(COUNT) --at-once $(AT_ONCE)

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

catalogue: $(STAMP) ## measure every template of the catalogue and write docs/catalogue.md
	@$(BIN)/python -m benchmarks.catalogue > docs/catalogue.md.new && mv docs/catalogue.md.new docs/catalogue.md

verify-schemas: $(STAMP) ## fail when schemas/ or docs/reference/ is stale
	@$(BIN)/python -m phoenix.api.generate schemas --check
	@$(BIN)/python -m phoenix.api.reference docs/reference --check

COMPATIBILITY := tests/integration/apiserver/wire $(wildcard tests/e2e/test_kubectl*.py tests/e2e/test_clients*.py)
compatibility: $(STAMP) ## run kubectl, client libraries and their recorded requests; write docs/compatibility.md
	@rows=$$(mktemp) && { PHOENIX_COMPATIBILITY=$$rows $(BIN)/python -m pytest -n 2 --dist worksteal $(COMPATIBILITY); \
	  $(BIN)/python -m tests.harness.compatibility $$rows; code=$$?; rm -f $$rows; exit $$code; }

test-clients: $(STAMP) ## every client library, the Go informer too: built first (needs Go; four minutes of CPU the first time)
	@command -v go >/dev/null || { echo "this needs Go 1.25 or newer: https://go.dev/dl"; exit 2; }
	@mkdir -p $(KUBE_BIN)
	cd tests/go/informer && nice -n 10 go build -p 2 -trimpath -ldflags "-s -w" -o $(KUBE_BIN)/ .
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(wildcard tests/e2e/test_clients*.py)

otelcol: $(STAMP) ## build the real Collector (needs Go; ten minutes the first time, cached afterwards)
	@$(BIN)/python otelcol/build.py

differential: $(STAMP) ## run every differential case on the real Collector (make otelcol first) and keep what it does
	@$(BIN)/python -m tests.differential.real
	@$(BIN)/python -m tests.differential.refused
	@$(BIN)/python -m tests.differential.realtemplates
	@$(BIN)/python -m tests.differential.probes
	@$(BIN)/python -m tests.differential.page

bench: $(STAMP) ## measured comparisons, each a ratio in one run
	@$(BIN)/python -m benchmarks

bench-deps: ## install the peers and load clients that bench compares with (Debian, as root): etcd, h2load, wrk
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends etcd-server nghttp2-client wrk

# What a real Kubernetes answers: built from the Go module proxy, once; the second time only links.
KUBE_VERSION := $(shell sed -n 's|^[[:space:]]*k8s.io/kubernetes \(v[0-9.]*\)$$|\1|p' conformance/kube/go.mod)
KUBE_BIN := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/phoenix/bin
KUBE_LDFLAGS := -s -w -X k8s.io/component-base/version.gitVersion=$(KUBE_VERSION) \
  -X k8s.io/component-base/version.gitMajor=$(word 1,$(subst ., ,$(KUBE_VERSION:v%=%))) \
  -X k8s.io/component-base/version.gitMinor=$(word 2,$(subst ., ,$(KUBE_VERSION:v%=%)))

kube: ## build a real kube-apiserver and its etcd (Go; ten minutes and 4 GB of Go's cache the first time)
	@$(MAKE) --no-print-directory go-build PROGRAMS="kube-apiserver etcd"

kubectl: ## build a real kubectl (Go; two minutes)
	@$(MAKE) --no-print-directory go-build PROGRAMS=kubectl

go-build:
	@command -v go >/dev/null || { echo "this needs Go 1.25 or newer: https://go.dev/dl"; exit 2; }
	@mkdir -p $(KUBE_BIN)
	cd conformance/kube && nice -n 10 go build -p 2 -trimpath -ldflags "$(KUBE_LDFLAGS)" -o $(KUBE_BIN)/ \
	  $(addprefix ./cmd/,$(PROGRAMS))

conformance: $(STAMP) ## ask a real kube-apiserver and Phoenix the same (make kube first), and list what differs
	@$(BIN)/python -m conformance record
	@$(BIN)/python -m conformance shipped
	@$(BIN)/python -m conformance compare
	@$(BIN)/python -m conformance page

lock: ## rewrite requirements.lock from the current environment
	@$(BIN)/python -m pip freeze --all --exclude-editable | grep -v '^pip=' | grep -v '^phoenix' > requirements.lock

clean: ## remove the environment and caches (never state/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
