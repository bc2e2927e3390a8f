# make demo and make test need only a Python 3.11 or later with venv and pip. They never use an environment that
# is already active.
PYTHON ?= $(shell sh scripts/find-python)
VENV := .venv
RUN := $(VENV)/bin/python -m
PIP := $(RUN) pip --disable-pip-version-check --quiet

unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE VIRTUAL_ENV
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo fast test test-all test-lowest fuzz soak netns mutants lint types format lock clean
.PHONY: bench bench-smoke bench-install fleet api-check dist docs

# Much of the suite waits, so one process leaves the processor half idle. Two processes take two thirds of the time.
SIDE_BY_SIDE := --numprocesses 2 --dist worksteal

help: ## Show this list (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/demo.stamp ## Watch the main job: tokens verified while Regions fail
	$(VENV)/bin/cognito-mr-auth demo

fast: lint ## Run lint, types and the unit tests without sockets, servers and processes: the loop while you edit
	$(RUN) pytest --suite=fast --quiet $(SIDE_BY_SIDE)

test: lint ## Run all checks: lint, types, import rules, tests, 100 % branch coverage
	$(RUN) coverage erase
	$(RUN) coverage run -m pytest --suite=measured $(SIDE_BY_SIDE)
	$(RUN) coverage combine --quiet
	$(RUN) coverage report
	$(RUN) pytest --suite=unmeasured $(SIDE_BY_SIDE)

test-all: $(VENV)/dev.stamp ## Add servers, browsers, other Pythons, the core alone, and fuzz, soak and netns briefly
	$(RUN) pytest --suite=once $(SIDE_BY_SIDE)
	$(VENV)/bin/python scripts/api_check.py
	$(VENV)/bin/python scripts/test_all.py
	$(VENV)/bin/python scripts/run_fuzz.py 30
	$(RUN) soak 60
	$(RUN) netns --brief

test-lowest: $(VENV)/dev.stamp ## Run the tests on the lowest versions that pyproject.toml allows
	$(VENV)/bin/python scripts/test_all.py --lowest

# SECONDS, ROWS and MUTANTS are set on the command line, as in: make fuzz SECONDS=60.
fuzz: $(VENV)/dev.stamp ## Fuzz tokens, key sets and key files with atheris for ten minutes (SECONDS=)
	$(VENV)/bin/python scripts/run_fuzz.py $(or $(SECONDS),600)

soak: $(VENV)/dev.stamp ## Verify for ten minutes while Regions fail, keys rotate and workers die (SECONDS=)
	$(RUN) soak $(or $(SECONDS),600)

netns: $(VENV)/dev.stamp ## Test real network faults in network namespaces; needs root on Linux (ROWS=name,...)
	$(RUN) netns $(if $(ROWS),--only $(ROWS))

mutants: $(VENV)/dev.stamp ## Plant a bug for each rule of docs/architecture.md; a test must find it (MUTANTS=name or rule)
	$(VENV)/bin/python scripts/mutants.py $(MUTANTS)

lint: $(VENV)/dev.stamp ## Run ruff, mypy, pyright, import-linter and zizmor
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/zizmor --offline --quiet --persona=pedantic .
	$(VENV)/bin/python scripts/check_types.py

types: $(VENV)/dev.stamp ## Ask mypy and pyright what users of the types see: no hole, no wrong use taken
	$(VENV)/bin/python scripts/check_types.py

format: $(VENV)/dev.stamp ## Let ruff format the code and fix what it can
	$(RUN) ruff check --fix
	$(RUN) ruff format

docs: $(VENV)/dev.stamp ## Test the pages: their code, links and figures, and what an index shows
	$(RUN) pytest --quiet $(SIDE_BY_SIDE) --ignore=tests/project/test_gates.py tests/project

api-check: $(VENV)/dev.stamp ## Compare the public API with the last release's (STABILITY.md)
	$(VENV)/bin/python scripts/api_check.py

# The wheel is built from the sdist, so both hold all that a build needs.
dist: $(VENV)/dev.stamp ## Build sdist and wheel into dist/, and check what an index shows of them
	rm -rf dist
	$(RUN) build --no-isolation --outdir dist .
	$(RUN) twine check --strict dist/*

# The benchmarks' peers have their own environment, made with BENCH_PYTHON. Another BENCH_PYTHON makes it again.
BENCH_PYTHON ?= $(PYTHON)
BENCH := .venvs/bench
BENCH_STAMP = $(BENCH)/$(notdir $(patsubst %/bin/,%,$(dir $(BENCH_PYTHON))))-$(notdir $(BENCH_PYTHON)).stamp

bench: bench-install ## Measure beside the peers: a table, JSON and plots (tens of minutes; BENCH_PYTHON=)
	$(BENCH)/bin/python -m benchmarks.suite

bench-smoke: bench-install ## Run each benchmark briefly, to show that it runs
	$(BENCH)/bin/python -m benchmarks.suite --smoke

fleet: bench-install ## Simulate 10,000 machines through starts, rotation, outages and floods (some seven minutes)
	$(BENCH)/bin/python -m benchmarks.fleet

# Not editable, because users get a built package. Installed each time, because the sources may have changed.
bench-install: $(BENCH_STAMP)
	$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --no-index --no-deps --no-build-isolation --force-reinstall .

# Here and below, --no-compile: Python compiles what is imported. To compile everything would take a third of the time.
$(BENCH_STAMP): benchmarks/peers/requirements.txt benchmarks/peers/node/package.json
	@test -n "$(BENCH_PYTHON)" || { echo "no usable Python: see above" >&2; exit 1; }
	"$(BENCH_PYTHON)" -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --no-compile --require-hashes --requirement benchmarks/peers/requirements.txt
	mkdir -p .venvs/bench-node
	cp benchmarks/peers/node/package.json .venvs/bench-node/
	npm install --prefix .venvs/bench-node --ignore-scripts --no-audit --no-fund --no-package-lock \
	  || echo "the peer under Node will be missing, because npm is missing or has failed" >&2
	touch $@

lock: ## Refresh the pins in requirements/ and benchmarks/peers/ from the *.in beside them
	sh scripts/lock "$(PYTHON)"

clean: ## Remove environments, caches and results
	rm -rf $(VENV) .venvs .coverage .coverage.* htmlcov dist build
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are inside the environment, so they are removed with it.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "no usable Python: see above" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)

# First the listed packages, each file by its hash, then the project without an index. pip fails if the list lacks a
# package, or has one that is too old.
$(VENV)/demo.stamp: pyproject.toml requirements/demo.txt | $(VENV)/bin/python
	$(PIP) install --require-hashes --requirement requirements/demo.txt
	$(PIP) install --no-index --no-build-isolation --editable '.[cli,pyjwt,testing]'
	touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp requirements/dev.txt requirements/types.txt
	$(PIP) install --no-compile --require-hashes --requirement requirements/dev.txt
	$(PIP) install --no-compile --require-hashes --requirement requirements/types.txt
	touch $@
