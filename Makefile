# Every target sets up what it needs: a virtual environment in .venv, with the package installed from here.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := hv devices/hv_devices tests setup.py

# Tests start thousands of processes: without byte code they take twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check format lint types layers transcripts browser-test gdb-test linux-test soak bench clean

demo: $(INSTALLED)
	$(BIN)/hv guests
	$(BIN)/hv run @ide_irq_read
	$(BIN)/hv compare @disk-read:64K @keyboard @tick

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
	$(BIN)/python -m pytest -m linux -n auto --dist loadscope --no-loadscope-reorder

# What takes too long for every day: see CONTRIBUTING.md. PARTS: damage checkpoints linux suite.
soak: $(READY)
	$(BIN)/python -m tests.linux.packages
	$(BIN)/python -m tests.soak $(PARTS)

check: format lint types layers test

format: $(READY)
	$(BIN)/ruff format --check $(SOURCES)

lint: $(READY)
	$(BIN)/ruff check $(SOURCES)

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

# What README.md and docs/ show of commands, as it is now.
transcripts: $(READY)
	$(BIN)/python -m tests.transcripts

bench: $(READY)
	$(BIN)/python -m tests.bench

# The package alone: what a user needs, and the demonstration.
$(INSTALLED): pyproject.toml setup.py $(wildcard hv/cpu/accel/*)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(READY): $(INSTALLED)
	$(PIP) --editable '.[dev,plot]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info hv/cpu/*.so .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
