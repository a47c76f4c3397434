# Needs only Python 3.11 or newer, git and make. Everything else goes into .venv.

# The first Python that is new enough and can make a virtual environment.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && { command -v "$$python"; break; }; done)

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Processes that run tests, and further words for pytest: make test PYTEST='-k ledger'
JOBS ?= auto
PYTEST ?=

.PHONY: demo test slow check bench local docs screenshots clean

# Lead a thousand generated customers through their renewals, with a simulated model and without a
# boundary as well.
demo: .venv/installed
	$(BIN)/signoff renewals run --compare-unguarded

# Every test of the command line begins a process or more: what Python compiles is kept.
test slow: export PYTHONDONTWRITEBYTECODE =

test: .venv/installed-dev
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m "not slow" $(PYTEST)

# What takes minutes. CI runs it when there is time.
slow: .venv/installed-dev
	$(BIN)/pytest -n $(JOBS) --dist loadfile -m slow $(PYTEST)

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo

# Against hand-written SQL and other libraries; some of it takes minutes.
bench: .venv/installed-dev
	$(BIN)/python -m benchmarks

# A real, small model on this machine's CPU.
local: .venv/installed
	$(BIN)/signoff local install

# The pages as a site, in site/; open site/index.html. A broken link fails it.
docs: .venv/installed-docs
	$(BIN)/zensical build --strict --clean

# The console's pictures in docs/assets/console, with the Chromium on PATH.
screenshots: .venv/installed-dev
	$(BIN)/python tests/screenshots.py

clean:
	rm -rf .venv site .cache

# An environment whose Python has gone is made anew.
.venv/made:
	@[ -n "$(PYTHON)" ] || { \
		echo "signoff needs Python 3.11 or newer with venv (on Debian and Ubuntu: apt-get install python3-venv)."; \
		echo "None was found on PATH; name one with: make PYTHON=/path/to/python3.11"; exit 1; } >&2
	"$(PYTHON)" -m venv --clear .venv
	$(PIP) --upgrade "pip>=25.1"
	@touch $@

.venv/installed: .venv/made pyproject.toml
	$(PIP) --editable ".[policy]"
	@touch $@

.venv/installed-docs: .venv/made pyproject.toml
	$(PIP) --group docs
	@touch $@

.venv/installed-dev: .venv/made pyproject.toml
	$(PIP) --editable ".[models,workers,policy,console,otel]" --group dev
	@$(BIN)/signoff local install || echo "the local model cannot be installed here; its tests are skipped"
	@touch $@ .venv/installed .venv/installed-docs
