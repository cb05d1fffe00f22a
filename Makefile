# All targets need Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Processes share the test files, the longest first (see tests/conftest.py): three, as on two
# cores one of them often waits. Programs that are started again and again are compiled once,
# whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE
TEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=20

# What needs no lake, no program and no page: for the loop while coding.
QUICK := $(addprefix tests/, \
	analytics/correlation analytics/untrusted analytics/reports/test_day_report.py \
	analytics/test_formats.py \
	$(addprefix analytics/indicators/, test_decomposition.py test_indicators.py test_zscores.py) \
	$(addprefix analytics/market/, test_measures.py test_oi_split.py \
		test_pair_curves.py test_pair_figures.py test_pair_history.py test_venue_summary.py) \
	$(addprefix analytics/signals/, test_fired.py test_of_pair.py) \
	$(addprefix analytics/exports/, test_axes.py test_text_files.py test_xlsx.py) \
	$(addprefix collector/venues/, test_binance.py test_bybit.py test_okx.py test_hyperliquid.py \
		test_depth.py test_names.py) \
	$(addprefix collector/streams/, test_binance_streams.py test_bybit_streams.py test_okx_streams.py \
		test_books.py) \
	$(addprefix dashboard/, test_cell_charts.py test_chart_names.py test_colors.py))

.PHONY: demo up quick test check lint types browser-deps pins clean

demo: $(VENV)/installed
	$(BIN)/perpscope demo

up: $(VENV)/installed
	$(BIN)/perpscope up

quick: $(VENV)/installed-dev
	$(BIN)/python -m pytest -q $(QUICK)

test: $(VENV)/installed-dev browser-deps
	$(TEST)

check: $(VENV)/installed-dev browser-deps lint types
	$(TEST)

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
