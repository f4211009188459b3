# Everything a fresh machine needs is installed here; PYTHON names the interpreter to start from.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEVELOP := $(VENV)/.ready-to-develop

.PHONY: run pictures test lint format docs wheel house benchmark fuzz mutate browser clean

run: $(READY)
	$(BIN)/red-timeloop compare

# The networks that ship, with 6-bit converters: pictures in pictures/, without internet.
pictures: $(DEVELOP)
	$(BIN)/red-timeloop run examples/digits_generator.onnx --input examples/digits_generator.npz \
	  --score examples/digits_score.py:recognised --set adc_bits=6 \
	  --design red --design zero_padding -o pictures/generator
	$(BIN)/red-timeloop run examples/digits_segmentation.onnx \
	  --input examples/digits_segmentation.npz --set adc_bits=6 \
	  --design red --design zero_padding -o pictures/segmentation

test: $(DEVELOP)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

# On a CI machine, which is thrown away, the pages are tested in a browser too.
ifdef CI
test: browser
endif

lint: $(DEVELOP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(DEVELOP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(DEVELOP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# dist/red_timeloop-VERSION-py3-none-any.whl, for: pip install "dist/red_timeloop-...whl[onnx]"
wheel: $(DEVELOP)
	$(BIN)/python -m build --wheel

# The picture in CONTRIBUTING.md: the parts of the package in the order of their imports.
house: $(DEVELOP)
	$(BIN)/python docs/house.py docs/images/house.svg

benchmark: $(DEVELOP)
	$(BIN)/python -m pytest benchmarks --benchmark-only

# Mutated files, models and damaged stores given to their readers, and small spaces to the mapper:
# make fuzz N=100000
N := 20000
fuzz: $(DEVELOP)
	$(BIN)/python tests/fuzz/yaml_fuzz.py $(N)
	$(BIN)/python tests/fuzz/onnx_fuzz.py $(N)
	$(BIN)/python tests/fuzz/store_fuzz.py $(N)
	$(BIN)/python tests/fuzz/mapper_fuzz.py $$(( $(N) / 10 ))

# Small random faults in the core modules, one at a time: which of them the tests do not notice.
SEED := 0
mutate: $(DEVELOP)
	$(BIN)/python tests/mutate.py $(if $(filter file,$(origin N)),100,$(N)) $(SEED)

# Some environments keep no compiled files, and would compile the package at every start.
$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m compileall -q red_timeloop
	touch $@

# What tests, checks and documentation need; the frameworks are for the tests of the front ends.
$(DEVELOP): $(READY)
	$(BIN)/python -m pip install --quiet --group dev --group frontends
	touch $@

# A browser for the tests that look at pages; they are skipped where there is none. Needs root.
browser:
	@if command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null; then \
	  echo "a browser is installed"; \
	elif ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then \
	  echo "no browser: install Chromium, or run 'make browser' as root on Debian or Ubuntu"; \
	else \
	  apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium \
	    fonts-dejavu-core >/dev/null || echo "no browser: its tests will be skipped"; \
	fi
	@if command -v npm >/dev/null; then \
	  npm pack --silent --pack-destination $(VENV) axe-core@4 >/dev/null && \
	  tar -xzOf $(VENV)/axe-core-*.tgz package/axe.min.js > $(VENV)/axe.min.js; \
	else echo "no npm: what axe-core says of a page's accessibility is not tested"; fi

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache
