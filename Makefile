# The first use of any target makes .venv; nothing outside of this folder is touched.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench soak fuzz clean golden

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@$(BIN)/python -m compileall -q queryleaf_cdc  # start-up counts, also where Python may not write bytecode itself
	@touch $(READY)

demo: $(READY)  ## the whole story on an embedded MongoDB, in under a minute
	@$(BIN)/queryleaf-cdc demo

test: $(READY)  ## all tests; starts its own MongoDB servers
	$(BIN)/pytest -n 2 --dist loadgroup

check: $(READY)  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)  ## write the format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: $(READY)  ## rewrite the golden files and generated pages; read the diff
	$(BIN)/pytest tests/golden tests/docs/test_generated.py --update-golden -q

bench: $(READY)  ## measure, and write docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks

soak: $(READY)  ## the long runs: 100,000 random expressions, crashes at random moments, streams under everything at once, a monkey at the shell
	$(BIN)/pytest -n 2 tests/properties tests/integration/test_runtime_exactly_once.py --faces-examples 100000 --timeout 3600
	$(BIN)/python -m tests.streams.chaos --seed $$(date +%s) --runs 20
	$(BIN)/python tests/integration/monkey.py --seed $$(date +%s) --seconds 20 --runs 30

fuzz: $(READY)  ## random views and streams against DuckDB until it is stopped; views that fail are kept as tests
	$(BIN)/python -m tests.streams.fuzz --seed $$(date +%s) & streams=$$!; \
	$(BIN)/python -m tests.views.fuzz --seed $$(date +%s); views=$$?; wait $$streams && exit $$views

clean:  ## remove what was made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
