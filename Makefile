# All targets need Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Many tests wait for programs that they start, so two processes share the test files.
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

# As root, Chromium is installed from the system's packages. Without it the browser tests are
# skipped with a message.
browser-deps:
	@if ! command -v chromium >/dev/null 2>&1 && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null \
		|| echo "chromium could not be installed; the browser tests will be skipped" >&2; \
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
