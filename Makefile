# make run: set up and open the window. make test: set up and run the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Each process that tests start would compile the whole program anew where a shell forbids to keep what was compiled.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test test-long lint format resolve bundle bundle-test bench clean

run: $(VENV)/run-ready
	$(BIN)/python packaging/qt_libraries.py
	$(BIN)/python main.py

# Tests paint offscreen: a library that only X11 needs may be missing. A file's tests stay on one core, as they share
# what is slow to make.
test: $(VENV)/test-ready
	-$(BIN)/python packaging/qt_libraries.py
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not long" $(PYTEST_ARGS)

# Whole programs: trained, killed and gone on with; and what holds for any input, tried on more of it.
test-long: $(VENV)/test-ready
	$(BIN)/python -m pytest -n auto --dist loadfile -m "long or hypothesis" --hypothesis-profile wide $(PYTEST_ARGS)

lint: $(VENV)/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Whether the requirements can be met on every system; needs the package index.
resolve: $(VENV)/test-ready
	$(BIN)/python packaging/resolve.py

format: $(VENV)/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A folder that runs without Python, and an archive of it; two minutes, and three to pack it (XZ_OPT sets how well).
bundle: build/venv/ready
	QT_QPA_PLATFORM=offscreen build/venv/bin/python packaging/bundle.py

# Tries the folder that was built last.
bundle-test: $(VENV)/test-ready
	$(BIN)/python packaging/smoke_test.py

# An environment with nothing in it that the bundle doesn't ship.
build/venv/ready: requirements.txt requirements-bundle.txt
	$(PYTHON) -m venv build/venv
	build/venv/bin/python -m pip install --quiet --requirement requirements-bundle.txt
	@touch $@

# On an otherwise idle machine; prints ratios, and times that are only of interest beside each other.
bench: $(VENV)/bench-ready
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.engine_speed
	$(BIN)/python -m benchmarks.window_lateness
	$(BIN)/python -m benchmarks.million_records
	$(BIN)/python -m benchmarks.history
	$(BIN)/python -m benchmarks.convolution
	$(BIN)/python -m benchmarks.checkpoints
	$(BIN)/python -m benchmarks.long_use
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.cluster
	$(BIN)/python -m benchmarks.cluster --window
	$(BIN)/python -m benchmarks.training_growth
	$(BIN)/python -m benchmarks.precision

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Trainscope needs Python 3.11, 3.12 or 3.13 (TensorFlow has no other); name one with: make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run-ready: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/test-ready: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@ $(VENV)/run-ready

$(VENV)/bench-ready: requirements-bench.txt $(VENV)/test-ready
	$(BIN)/python -m pip install --quiet --requirement requirements-bench.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
