# Klein Live. `make run` serves the app, `make test` tests it; both begin on a bare machine.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# Two threads that spin while they wait for each other stand still on a busy machine.
export OMP_WAIT_POLICY ?= passive

# The tests start the app dozens of times: it is compiled once.
export PYTHONDONTWRITEBYTECODE :=

# Exactly what the tests ran with, the packages of the packages too.
LOCKED := -c constraints.txt

.PHONY: run test test-long check format audit constraints bench screenshots chromium clean help

run: $(VENV)/.app ## serve the app on http://127.0.0.1:7860 (flags: make run ARGS="--port 8000")
	$(BIN)/python app.py $(ARGS)

test: $(VENV)/.dev chromium ## run the tests, offline and on the CPU (one file: make test ARGS=tests/test_pacing.py)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: $(VENV)/.dev chromium ## run the tests that take minutes: kills, interleavings, 10,000 abandoned sessions, anything for the validators, a password changed, benches
	$(BIN)/python -m pytest -m long $(ARGS)

check: $(VENV)/.dev ## format, lint and types, as pre-commit does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile

format: $(VENV)/.dev ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

audit: ## ask for known holes in all that is pinned, which needs the network
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit
	$(VENV)-audit/bin/python -m pip_audit --no-deps --disable-pip -r constraints.txt -r requirements-pillow.txt $(ARGS)

# Pillow stays out, which goes over Gradio's cap, and so does what only one kind of machine installs.
constraints: ## write constraints.txt anew, from the requirement files in a clean environment
	rm -rf $(VENV)-clean
	$(PYTHON) -m venv $(VENV)-clean
	$(VENV)-clean/bin/python -m pip --disable-pip-version-check install --quiet -r requirements.txt \
	    -r requirements-dev.txt -r requirements-metrics.txt -r requirements-provenance.txt
	{ echo "# Written by make constraints: what the requirement files brought along, on every machine."; \
	  $(VENV)-clean/bin/python -m pip freeze | grep -viE '^(pillow|triton|nvidia-|cuda-)| @ |^-' \
	      | sed -E 's/\+.*$$//'; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf $(VENV)-clean

bench: $(VENV)/.dev chromium ## measure the keystrokes, ours beside plain Gradio
	$(BIN)/python -m klein_ui.bench keystrokes $(ARGS)

screenshots: $(VENV)/.dev chromium ## take the pictures of the README anew
	$(BIN)/python -m klein_ui.bench screenshots docs/images

# Its headless shell loads a page for half the work of the whole browser, which is used without it.
chromium: ## find Chromium, or install it where that can be done
	@command -v chromium-headless-shell >/dev/null && command -v chromium >/dev/null && exit 0; \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
	     && apt-get install -y -qq chromium chromium-headless-shell >/dev/null && exit 0; }; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	   command -v $$name >/dev/null && exit 0; done; \
	echo "No Chromium here: the browser tests are skipped. Install it with: apt install chromium"

$(VENV)/.app: requirements.txt requirements-pillow.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Klein Live needs Python 3.11 or newer: make run PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the packages; this takes some minutes the first time."
	$(PIP) $(LOCKED) -r requirements.txt
	$(PIP) --no-deps -r requirements-pillow.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.app requirements-dev.txt requirements-cluster.txt
	$(PIP) $(LOCKED) -r requirements-dev.txt -r requirements-cluster.txt
	@# Some of these ask for Gradio, and so for its cap, again.
	$(PIP) --no-deps -r requirements-pillow.txt
	@touch $@

clean: ## remove what was built
	rm -rf $(VENV) $(VENV)-audit $(VENV)-clean .pytest_cache .mypy_cache .ruff_cache .hypothesis

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
