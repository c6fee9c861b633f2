# Everything a person or CI runs has a name here. Each command first makes .venv, if that is not up to date.

VENV := .venv
PYTHON := $(VENV)/bin/python
SYNCED := $(VENV)/.synced
ARGS ?=

CODE := $(wildcard src tests examples benchmarks)
GATED := core persist
GATE := 95
VERSIONS := 3.11 3.12 3.13
# Many tests wait for processes and servers, so there are more of pytest's workers than cores.
export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)
NEED_VENV := $(SYNCED)
PEERS := $(VENV)-bench/.synced
PAGE := src/cnstra/devtools/static/index.html
PACKAGES := ui/node_modules/.package-lock.json

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo test simulate soak lint bench format coverage test-all lock clean servers page ui ui-types screenshots $(VENV)

help: ## List the commands
	@echo "usage: make COMMAND [ARGS=\"...\"]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(NEED_VENV) ## Import flash cards while the worker is killed again and again (ARGS="--kills 3 --file my.csv")
	@$(PYTHON) examples/demo.py $(ARGS)

test: $(NEED_VENV) servers page ## Run the tests and hold the coverage (ARGS="-k name" runs a part, without coverage)
ifeq ($(strip $(ARGS)),)
	@rm -f .coverage .coverage.*
	@$(PYTHON) -m coverage run -m pytest -n auto --dist worksteal || { \
		test $$? -eq 1 || exit 1; \
		echo "make test: once more, alone, what failed; what passes now is FLAKY and wants to be mended"; \
		$(PYTHON) -m coverage run -m pytest --last-failed --last-failed-no-failures none --maxfail 5 --verbosity 1; \
	}
	@$(MAKE) coverage
else
	@$(PYTHON) -m pytest $(ARGS)
endif

simulate: $(NEED_VENV) ## Simulate many workers on one store (SEED=7 shows one schedule; FIRST=100000 COUNT=50000 runs others)
	@$(PYTHON) -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) $(if $(COUNT),--count $(COUNT))

soak: $(NEED_VENV) servers ## Kill workers and servers for a long time, and show the tolls (SEED=7 repeats one; ARGS="-k redis" runs a part)
	@CNSTRA_SOAK=$(or $(SEED),1) $(PYTHON) -m pytest tests/fire tests/workers -q --timeout 3600 -o faulthandler_timeout=7200 $(ARGS)

ui: $(PAGE) ## Build the page of the DevTools, if it is out of date
	@:

ui-types: $(NEED_VENV) ## Renew the types of the page from docs/devtools-api.yaml
	@$(PYTHON) -m tests.devtools.browser.api_types

screenshots: $(NEED_VENV) $(PAGE) ## Take the pictures of the DevTools in docs/images/
	@$(PYTHON) -m tests.devtools.browser.screenshots $(ARGS)

lint: $(NEED_VENV) ## Check style, formatting, types and layers
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy $(CODE)
	@$(VENV)/bin/lint-imports --no-logo

bench: $(NEED_VENV) $(PEERS) ## Measure the core, the durable runs, the stores beside other libraries, the workers beside bare ones, and what DevTools cost
	@$(PYTHON) benchmarks/core.py $(ARGS)
	@$(PYTHON) benchmarks/durable.py $(ARGS)
	@$(PYTHON) benchmarks/stores.py $(ARGS)
	@$(PYTHON) benchmarks/workers.py $(ARGS)
	@$(PYTHON) benchmarks/devtools.py $(ARGS)

format: $(NEED_VENV) ## Format the code and repair what ruff can repair
	@$(PYTHON) -m ruff check --fix --exit-zero
	@$(PYTHON) -m ruff format

coverage: $(NEED_VENV) ## Show the last test run's coverage; core and persist must hold 95 %
	@# A process that a test killed may have left half a file, which is passed over.
	@if ls .coverage.* >/dev/null 2>&1; then $(PYTHON) -W ignore -m coverage combine --quiet; rm -f .coverage.*; fi
	@status=0; \
	for package in $$(cd src/cnstra && ls -d */ | tr -d /); do \
		case " $(GATED) " in *" $$package "*) gate=$(GATE);; *) gate=0;; esac; \
		total=$$($(PYTHON) -m coverage report --include="*/cnstra/$$package/*" --format=total --fail-under=0) || continue; \
		verdict=$$(awk -v t="$$total" -v g="$$gate" 'BEGIN { print (t < g) ? "  BELOW " g " %" : "" }'); \
		printf 'coverage  %-10s %5s %%%s\n' "$$package" "$$total" "$$verdict"; \
		if [ -n "$$verdict" ]; then \
			$(PYTHON) -m coverage report --include="*/cnstra/$$package/*"; status=1; \
		fi; \
	done; \
	exit $$status

test-all: ## Run the tests on every Python of 3.11, 3.12 and 3.13 that is on this machine
	@for version in $(VERSIONS); do \
		found=; \
		for candidate in "python$$version" "$$HOME"/.pyenv/versions/$$version.*/bin/python; do \
			if "$$candidate" -c pass >/dev/null 2>&1; then found=$$candidate; break; fi; \
		done; \
		if [ -z "$$found" ]; then echo "Python $$version: not on this machine"; continue; fi; \
		BOOTSTRAP_PYTHON="$$found" requirements/bootstrap.sh "$(VENV)-$$version" || exit 1; \
		"$(VENV)-$$version/bin/python" -m pytest -n auto --dist worksteal -q $(ARGS) || exit 1; \
	done

lock: $(NEED_VENV) ## Renew the pinned versions in requirements/
	@uv=$(VENV)/bin/uv; [ -x $$uv ] || uv=uv; \
	compile="$$uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-header"; \
	$$compile --no-annotate pyproject.toml requirements/dev.in --output-file requirements/dev.txt && \
	$$compile --no-annotate requirements/bench.in --output-file requirements/bench.txt

clean: ## Remove the environments, the caches and what was built
	@rm -rf $(VENV) $(VENV)-3.* $(VENV)-bench build dist src/cnstra/devtools/static ui/node_modules ui/.tests .coverage .coverage.* .hypothesis .*_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The servers for the tests that are in no wheel; root gets them installed, and others are told what is missing.
servers:
	@requirements/debian.sh

# The tests of the page say so themselves if it is not there: they are skipped at home, and fail in CI.
page:
	@command -v npm >/dev/null 2>&1 || { echo "There is no Node, so the page of the DevTools is not built."; exit 0; }; \
	$(MAKE) ui || echo "The page of the DevTools could not be built."

$(PAGE): $(PACKAGES) $(shell find ui/src ui/public -type f 2>/dev/null) ui/index.html ui/package.json ui/tsconfig.json ui/vite.config.mjs
	@npm --prefix ui run --silent build -- --logLevel warn
	@touch $@

$(PACKAGES): ui/package-lock.json ui/.npmrc
	@npm --prefix ui ci --silent
	@touch $@

$(VENV): $(SYNCED)
	@:

$(SYNCED): requirements/dev.txt requirements/uv.txt requirements/bootstrap.sh pyproject.toml
	@requirements/bootstrap.sh $(VENV)

# The other libraries that the stores are measured beside; without them their rows are left out.
$(PEERS): requirements/bench.txt requirements/uv.txt requirements/bootstrap.sh | $(SYNCED)
	@BOOTSTRAP_PYTHON=$(PYTHON) requirements/bootstrap.sh $(@D) requirements/bench.txt || \
		echo "The other libraries are not measured."
