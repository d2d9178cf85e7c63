# The workshop. Each target does whatever set-up it still lacks.
#   make demo    a living data centre, simulated, and the agent on it
#   make check   style, types, layers          make test    the test suite
#   make bench   what polling and the whole agent cost
#   make hunt    properties on examples that nobody has tried
# PYTHON=python3.13 make ... chooses an interpreter; 3.11 or newer.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

.DELETE_ON_ERROR:
.PHONY: help setup packages demo test hunt check format bench lock schema clean

help:
	@sed -n '2,5s/^# //p' Makefile

setup: $(VENV)/.dev packages

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Kasbah needs Python 3.11 or newer: install it, or say PYTHON=/path/to/python"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# What the service needs, and nothing else: enough for the demo.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what Kasbah needs to run"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# What tests and checks need on top.
$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing what tests and checks need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# Real servers that the tests talk to. Without them those tests say what is missing and are skipped.
packages:
	@sh deploy/debian-packages.sh

demo: $(VENV)/.run
	@$(BIN)/kasbah demo $(ARGS)

# Tests run on all cores, but for those that look at the clock; one worker more than cores, since some
# wait for servers.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(1 + (os.cpu_count() or 1))')

test: $(VENV)/.dev packages
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not alone"
	@$(BIN)/python -m pytest -m alone
endif

# Properties with examples that nobody has tried yet. What it finds becomes a test of its own.
hunt: $(VENV)/.dev
	@$(BIN)/python -m pytest -n $(WORKERS) -m "hypothesis and not alone" --hypothesis-profile=hunt $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev packages
	@$(BIN)/python -m benchmarks $(ARGS)

# Pins names, versions and hashes; never addresses.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-annotate \
	--no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra fast --extra build
lock: | $(BIN)/python
	@$(PIP) install pip-tools
	@mkdir -p requirements
	@$(COMPILE) --extra dev -o requirements/dev.txt pyproject.toml
	@$(COMPILE) -c requirements/dev.txt -o requirements/run.txt pyproject.toml

clean:
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
