# One command per chore; `make help` lists them.  Needs only Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Both cores; a test that needs one machine's peace is not a good test.
TESTS ?= -n 2 --dist worksteal --durations=25

.PHONY: help demo test lint bench schema screenshots lock clean

help: ## What can be made
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 8

demo: $(VENV)/.runtime ## Emulated trackers, a team that works, key results that move
	$(BIN)/headway demo --once

test: $(VENV)/.development ## Everything this machine can run; lists what it skipped
	$(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/.development ## Style, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.development ## Ratios, side by side in one run
	$(BIN)/python -m bench.mirror
	$(BIN)/python -m bench.rules
	$(BIN)/python -m bench.moving

schema: $(VENV)/.development ## What follows from the models and tables: JSON Schemas, the mapping reference, SQL
	$(BIN)/python -m docs.generate

screenshots: $(VENV)/.development ## The README's pictures of the pages; needs Chromium
	$(BIN)/python -m docs.pictures

lock: $(VENV)/.development ## Pin what pyproject.toml allows, with hashes and without addresses of an index
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --upgrade --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    --upgrade --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## Forget the environment, the demo and what building left
	rm -rf $(VENV) headway-demo build *.egg-info

# The stamp comes last, so that an environment whose making was interrupted is made anew.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Headway needs Python 3.11 or newer; name one with: make PYTHON=python3.11"; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip --version >/dev/null \
	    || { rm -rf $(VENV); echo "This Python cannot make environments: install its venv package (python3-venv)."; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.made
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: requirements-dev.lock pyproject.toml | $(VENV)/.made
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime
