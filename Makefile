# Every target sets itself up: .venv is made when missing, and again filled when a pin changes.
# Override on the command line: make test WORKERS=8, make demo PYTHON=python3.12.

PYTHON  ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
             $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
             echo $$p && break; done)
WORKERS ?= 2

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/pip --disable-pip-version-check install --quiet --constraint constraints.txt

# What is installed: the package alone (no torch), all that the tests use, what drives a browser, what builds the site.
RUNTIME := $(VENV)/.runtime
TEST    := $(VENV)/.test
BROWSER := $(VENV)/.browser
DOCS    := $(VENV)/.docs

# One BLAS thread a worker: the workers already share the cores out.
PYTEST := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
          $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

DEMO := linear:4-2-1 --symmetry permutation
REPORT := out/report.html

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo docs test test-all test-lowest test-only bench lint hooks build release clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

# Status 3 is an answer too: the two bounds differ, and both are printed.
demo: $(RUNTIME) ## analyse a network under a data symmetry; report in out/report.html
	@echo '$$ conserved analyze $(DEMO) --report $(REPORT)'
	@$(BIN)/conserved analyze $(DEMO) --report $(REPORT) || [ $$? -eq 3 ]
	@echo "open $(REPORT) in a browser"

test: $(TEST) ## the default test suite
	$(PYTEST)

test-all: $(BROWSER) $(DOCS) ## the default suite and the slow tests (the report's need Chromium)
	@command -v chromedriver >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get update -qq && apt-get install -y -qq chromium chromium-driver; } || \
	  echo "no Chromium, so the browser tests are skipped: sudo apt-get install chromium chromium-driver" >&2
	$(PYTEST) -m "slow or not slow"

docs: $(DOCS) ## the site, into out/site; its gallery is run on the way
	MPLBACKEND=agg $(BIN)/python -m sphinx --fail-on-warning -q -b html docs out/site
	@echo "open out/site/index.html in a browser"

bench: $(TEST) ## the benchmarks, into benchmarks/results/
	$(BIN)/python -m benchmarks

test-lowest: ## the suite with the oldest dependencies that pyproject.toml allows, in .venv-lowest
	test -d .venv-lowest || $(PYTHON) -m venv .venv-lowest
	$(PYTHON) -m tools.lowest > .venv-lowest/lowest.txt
	.venv-lowest/bin/pip --disable-pip-version-check install --quiet \
	  --constraint constraints.txt --constraint .venv-lowest/lowest.txt --editable '.[test]'
	$(MAKE) test-only VENV=.venv-lowest

test-only:
	$(PYTEST)

lint: $(TEST) ## style, format, types and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/typos

hooks: $(TEST) ## run the same before every commit (pre-commit)
	$(BIN)/pre-commit install

build: $(TEST) ## wheel and source distribution into dist/, tried in a clean environment
	$(BIN)/python -m tools.distributions

DO :=
release: $(TEST) ## what a release of _version.py would do; DO=--do does it
	$(MAKE) build
	$(BIN)/python -m tools.release $(DO)
	$(if $(DO),$(MAKE) build)

clean: ## remove .venv, out/, builds and caches
	rm -rf $(VENV) .venv-lowest out dist docs/gallery_built .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): pyproject.toml constraints.txt src/conserved/_version.py
	@test -n "$(PYTHON)" || { echo "conserved needs Python 3.11 or newer" >&2; exit 1; }
	@echo "setting up $(VENV): a minute or two, the first time"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(TEST): $(RUNTIME)
	@echo "installing what the tests use, torch among it"
	$(PIP) --editable '.[test]'
	@touch $@

$(BROWSER): $(TEST)
	$(PIP) --editable '.[browser]'
	@touch $@

$(DOCS): $(RUNTIME)
	@echo "installing what builds the site, torch among it"
	$(PIP) --editable '.[docs]'
	@touch $@
