# Everything a fresh machine needs is installed here; PYTHON names the interpreter to start from.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FRONTENDS := $(VENV)/.ready-frontends

.PHONY: run test lint format benchmark clean

run: $(READY)
	$(BIN)/red-timeloop compare

test: $(READY) $(FRONTENDS)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(READY)
	$(BIN)/python -m pytest benchmarks --benchmark-only

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

# onnxruntime, torch and Keras, which only the tests of the front ends need
$(FRONTENDS): $(READY)
	$(BIN)/python -m pip install --quiet --group frontends
	touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
