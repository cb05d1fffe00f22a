# What there is to do, one word each. `make demo` and `make test` need only Python 3.11+.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Many tests wait for programs that they start: two processes share them, a file each.
IN_PARALLEL := -n 2 --dist loadfile

.PHONY: demo up test check lint types browser-deps pins clean

demo: $(VENV)/installed
	$(BIN)/perpscope demo

up: $(VENV)/installed
	$(BIN)/perpscope up

test: $(VENV)/installed-dev browser-deps
	$(BIN)/python -m pytest $(IN_PARALLEL)

check: $(VENV)/installed-dev browser-deps lint types
	$(BIN)/python -m pytest $(IN_PARALLEL)

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: $(VENV)/installed-dev
	$(BIN)/mypy

# Chromium comes from the system's packages, and only where we may install them;
# without it the browser tests skip and say so.
browser-deps:
	@if ! command -v chromium >/dev/null 2>&1 && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null \
		|| echo "chromium could not be installed; the browser tests will skip" >&2; \
	fi

pins: $(VENV)/installed-dev
	@{ echo "# Every version that perpscope is tested with. Made by: make pins"; \
	   $(BIN)/pip freeze --exclude-editable | grep -vi '^perpscope'; } > constraints.txt

clean:
	rm -rf $(VENV) *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "perpscope needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/installed
