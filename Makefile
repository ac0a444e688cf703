# Everything a developer does, from a clean clone, without root: `make run`, `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
FOLLOWED_EVENTS ?= 10000000
STAMP  := $(VENV)/.set-up
PEERS  := $(VENV)/.peers
LOCK_FLAGS := --universal --generate-hashes --no-emit-index-url --no-header --no-annotate \
	--python-version 3.11 --quiet

.DEFAULT_GOAL := help
.PHONY: help setup run test faults lint types docs bench lock clean

help:  ## Say what there is.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make .venv from the hash-locked requirements.

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Filrouge needs Python 3.11 or later, and '$(PYTHON)' is not that." \
			"Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation -e .
	@touch $@

run: setup  ## Fill a demo ledger with history, show it, and serve it on 127.0.0.1:8000.
	@$(BIN)/filrouge demo

test: setup  ## Run all the tests.
	$(BIN)/pytest -n 3 --dist worksteal --durations 15

faults: setup  ## FILROUGE_TEST_FAULT_MINUTES (30) of faults (SEED=n); 10 M events, none missed.
	$(BIN)/python -m tests.faults $(if $(SEED),--seed $(SEED))
	FILROUGE_TEST_FOLLOWED_EVENTS=$(FOLLOWED_EVENTS) $(BIN)/pytest -o timeout=0 \
		tests/store/test_nothing_is_missed.py

lint: setup  ## Check style, format and the direction of imports.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: setup  ## Check types.
	$(BIN)/mypy

docs: setup  ## Make the generated pages of docs/reference again.
	$(BIN)/filrouge docs

bench: setup $(PEERS)  ## Measure ours beside others': all, or ONLY="decide append"; QUICK=1, JSON=1, PAGE=1.
	@$(BIN)/python -m benchmarks $(ONLY) \
		$(if $(QUICK),--quick) $(if $(JSON),--json) $(if $(PAGE),--page)

$(PEERS): requirements-bench.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements-bench.lock
	@touch $@

lock:  ## Make the lock files again, with the newest versions that pyproject.toml allows.
	@uv=$$(command -v uv) || { \
		$(PYTHON) -m venv var/lock-venv && var/lock-venv/bin/pip install --quiet uv && \
		uv=var/lock-venv/bin/uv; }; \
	set -ex; \
	$$uv pip compile $(LOCK_FLAGS) --upgrade pyproject.toml -o requirements.lock; \
	$$uv pip compile $(LOCK_FLAGS) --upgrade --constraint requirements.lock \
		--group test --group lint --group build pyproject.toml -o requirements-dev.lock; \
	$$uv pip compile $(LOCK_FLAGS) --upgrade --constraint requirements-dev.lock \
		--group bench -o requirements-bench.lock; \
	rm -rf var/lock-venv

clean:  ## Remove what can be made again. The data under var/ stays.
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
