# make run: set up and open the window. make test: set up and run the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# If the environment disables bytecode files, every process that tests start would compile the whole program again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test test-long lint format resolve bundle bundle-test bench clean

run: $(VENV)/run-ready
	$(BIN)/python packaging/qt_libraries.py
	$(BIN)/python main.py

# Tests render offscreen, so libraries needed only for X11 may be missing. The tests of a file run on one core, because
# they share slow fixtures.
test: $(VENV)/test-ready
	-$(BIN)/python packaging/qt_libraries.py
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not long" $(PYTEST_ARGS)

# Tests that train, kill and resume whole programs, and property tests with more examples.
test-long: $(VENV)/test-ready
	$(BIN)/python -m pytest -n auto --dist loadfile -m "long or hypothesis" --hypothesis-profile wide $(PYTEST_ARGS)

lint: $(VENV)/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Check that the requirements can be resolved for every system; needs the package index.
resolve: $(VENV)/test-ready
	$(BIN)/python packaging/resolve.py

format: $(VENV)/test-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Build a folder that runs without Python, and an archive of it: two minutes, and three to compress (see XZ_OPT).
bundle: build/venv/ready
	QT_QPA_PLATFORM=offscreen build/venv/bin/python packaging/bundle.py

# Test the folder built last.
bundle-test: $(VENV)/test-ready
	$(BIN)/python packaging/smoke_test.py

# An environment with only the packages that the bundle ships, and PyInstaller.
build/venv/ready: requirements.txt requirements-bundle.txt
	$(PYTHON) -m venv build/venv
	build/venv/bin/python -m pip install --quiet --requirement requirements-bundle.txt
	@touch $@

# Run on an otherwise idle machine; prints ratios, and times that are meaningful only relative to each other.
bench: $(VENV)/bench-ready
	$(BIN)/python -m benchmarks.compare
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.theme
	$(BIN)/python -m benchmarks.engine_speed
	$(BIN)/python -m benchmarks.training_settings
	$(BIN)/python -m benchmarks.layers
	$(BIN)/python -m benchmarks.resnet
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
	$(BIN)/python -m benchmarks.logger

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
