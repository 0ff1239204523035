# Every target sets up what it needs: a virtual environment in .venv, with the package installed from here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := hv devices/hv_devices tests setup.py

.PHONY: demo test check format lint types layers browser-test gdb-test linux-test bench clean

demo: $(READY)
	$(BIN)/hv guests
	$(BIN)/hv run @ide_irq_read --stats

test: $(READY)
	$(BIN)/python -m pytest -m "not linux and not browser and not gdb" -n auto

# The pages of `hv compare`; needs Debian's chromium.
browser-test: $(READY)
	$(BIN)/python -m pytest -m browser -n auto

# The debugger's door; needs Debian's gdb.
gdb-test: $(READY)
	$(BIN)/python -m pytest -m "gdb and not linux" -n auto

# The same on a Debian kernel; needs apt (any user) once, to fill .cache/linux.
linux-test: $(READY)
	$(BIN)/python -m tests.linux.packages
	$(BIN)/python -m pytest -m linux -n auto --dist loadscope

check: format lint types layers test

format: $(READY)
	$(BIN)/ruff format --check $(SOURCES)

lint: $(READY)
	$(BIN)/ruff check $(SOURCES)

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m tests.bench

$(READY): pyproject.toml setup.py $(wildcard hv/cpu/accel/*)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,plot]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info hv/cpu/*.so .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
