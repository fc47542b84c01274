# Klein Live. `make run` serves the app, `make test` tests it; both begin on a bare machine.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Two threads that spin while they wait for each other stand still on a busy machine.
export OMP_WAIT_POLICY ?= passive

.PHONY: run test test-long check format audit bench screenshots chromium clean help

run: $(VENV)/.app ## serve the app on http://127.0.0.1:7860 (flags: make run ARGS="--port 8000")
	$(BIN)/python app.py $(ARGS)

test: $(VENV)/.dev chromium ## run the tests, offline and on the CPU (one file: make test ARGS=tests/test_pacing.py)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-long: $(VENV)/.dev ## run the tests that take minutes: kills while pinning, interleavings, 10,000 abandoned sessions, anything for the validators
	$(BIN)/python -m pytest -m long $(ARGS)

check: $(VENV)/.dev ## format, lint and types, as pre-commit does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

audit: $(VENV)/.app ## ask for known holes in the pinned packages, which needs the network
	$(PIP) pip-audit
	$(BIN)/python -m pip_audit --local

bench: $(VENV)/.dev chromium ## measure the keystrokes, ours beside plain Gradio
	$(BIN)/python -m klein_ui.bench keystrokes $(ARGS)

screenshots: $(VENV)/.dev chromium ## take the pictures of the README anew
	$(BIN)/python -m klein_ui.bench screenshots docs/images

chromium: ## find Chromium, or install it where that can be done
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	   command -v $$name >/dev/null && exit 0; done; \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
	|| echo "No Chromium here: the browser tests are skipped. Install it with: apt install chromium"

$(VENV)/.app: requirements.txt requirements-pillow.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Klein Live needs Python 3.11 or newer: make run PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the packages; this takes some minutes the first time."
	$(PIP) -r requirements.txt
	$(PIP) --no-deps -r requirements-pillow.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.app requirements-dev.txt requirements-cluster.txt
	$(PIP) -r requirements-dev.txt -r requirements-cluster.txt
	@touch $@

clean: ## remove what was built
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
