# `make run`: everything on this machine. `make run PORT=9000`: on another port.
.DEFAULT_GOAL := run
.PHONY: run test chromium lint audit bench bench-peers soak scale migrate venv venv-dev lock
SHELL := /bin/bash
PYTHON ?= python3.11
PORT ?=
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Twice the cores of a small machine: half of a test's time is waiting for a server.
TEST_PROCESSES ?= 4
BENCH_ARGS ?=
MUTANTS ?=
SECONDS ?= 300
SEED ?= 1
SERVERS ?= own

ifneq ($(PORT),)
export PORT
else
unexport PORT
endif

# What pip cannot bring: root gets it on Debian, others a line that says what is missing. $(1): packages, $(2): the line.
bring = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing $(1) …" && \
	export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes && apt-get update -qq && \
	apt-get install -y -qq --no-install-recommends $(1) >/dev/null; } || \
	{ echo "make: $(2) As root, on Debian: apt-get install $(1)" >&2; false; }

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	$(call bring,python3.11-venv,no $(PYTHON) that can make a venv is here. Say PYTHON=/path/to/python3.11 where one is.)
	@$(PYTHON) -m venv $(VENV)

# Of all packages only gunicorn_h1c comes without wheels. Where it cannot be compiled gunicorn reads requests in Python.
INCLUDES := $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))'
HEADERS = $$(test -f "$$($(INCLUDES))/Python.h" || echo python3.11-dev)
compiler = echo '\#include <Python.h>' | cc -I "$$($(INCLUDES))" -fsyntax-only -x c - 2>/dev/null || \
	$(call bring,gcc libc6-dev $(HEADERS),no C compiler with the headers of Python: gunicorn_h1c is left out and requests take more CPU (remove $(VENV) to try again).)
WITHOUT_COMPILED := sed '/^gunicorn-h1c==/,/[^\\]$$/d'

# A stamp per list, so that pip is asked only when the list has changed.
install = @lock=$<; { $(compiler); } || { $(WITHOUT_COMPILED) $< > $(VENV)/$<; lock=$(VENV)/$<; }; \
	echo "Installing $< …"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $$lock

$(VENV)/.runtime: requirements.lock | $(BIN)/python
	$(install)
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements.lock | $(BIN)/python
	$(install)
	@touch $@ $(VENV)/.runtime

venv: $(VENV)/.runtime

venv-dev: $(VENV)/.dev

run: venv
	@exec $(BIN)/python -m config.run

migrate: venv
	@$(BIN)/python manage.py migrate

# Asserts are rewritten before they are compiled, which each process would do anew for itself were nothing kept.
test coverage: export PYTHONDONTWRITEBYTECODE :=

test: venv-dev chromium
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) $(PYTEST_ARGS)

# For the tests in a browser. Where it cannot be installed they are skipped, and named at the end.
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null || \
	$(call bring,chromium,no Chromium: the tests in a browser are skipped.) || true

# Which lines and branches no test reaches. The processes that tests start count too.
coverage: venv-dev chromium
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --cov --cov-report=term-missing:skip-covered $(PYTEST_ARGS)

# Which mistakes no test would notice (pyproject.toml says in what code). `make mutants MUTANTS='leads.deals.*'`
mutants: venv-dev
	$(BIN)/mutmut run --max-children 1 $(MUTANTS)
	$(BIN)/mutmut results

bench: venv-dev
	$(BIN)/python -m benchmarks

# The intake beside Node-RED, Fastify and plain Django. Wants node, npm and PostgreSQL (its own, or DATABASE_URL's).
bench-peers: venv-dev benchmarks/peers/node_modules/.installed
	$(BIN)/python -m benchmarks.peers $(BENCH_ARGS)

benchmarks/peers/node_modules/.installed: benchmarks/peers/package.json
	@command -v npm >/dev/null || { echo "make: npm is not here. On Debian: apt-get install nodejs npm" >&2; exit 1; }
	cd benchmarks/peers && npm install --no-package-lock --no-audit --no-fund --loglevel=error
	@touch $@

# Minutes of trouble, then everything is compared. `make soak SECONDS=600 SEED=7 SERVERS=hosts`
soak: venv-dev
	$(BIN)/python -m soak --seconds $(SECONDS) --seed $(SEED) --servers $(SERVERS)

# A thousand accounts on this machine, one of them noisy.
scale: venv-dev
	$(BIN)/python -m scale

# Its own folder for keys and its own database: the code is judged, not what stands in var/.
lint: export VAR_DIR := $(CURDIR)/var/lint
lint: export ENV_FILE := /dev/null
lint: export DATABASE_URL :=
lint: venv-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	$(BIN)/python -m config.translations check

# Known holes in what gets installed. Fails as well where the database of holes is out of reach: nothing was checked then.
audit: venv-dev
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement requirements-dev.lock

# After a change of requirements*.txt: every package below them, with the hashes of its files, on any platform.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

lock: $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(LOCK) $(LOCK_ARGS) requirements.txt --output-file requirements.lock
	$(LOCK) $(LOCK_ARGS) requirements-dev.txt --constraint requirements.lock --output-file requirements-dev.lock
