# Everything a newcomer must know: `make demo`, `make test`, `make check`.

PYTHON ?= python3
UV ?= uv
ARGS ?=

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
KERNELS := $(wildcard detectors/kernels/*.py)

.DEFAULT_GOAL := help
.PHONY: help demo test check lint house servers build bench quality gallery wheel lock clean
.DELETE_ON_ERROR:

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: .venv/installed ## simulate a fleet, watch it over real MQTT, say what was found (ARGS="--machines 50")
	$(BIN)/telltale demo $(ARGS)

test: lint servers ## install the real servers where possible; lint, types, every test (ARGS="-k alerts")
	$(BIN)/python -m pytest $(ARGS)

check: lint house ## what to run before every commit: lint, types, the laws of the layout

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

house: .venv/test
	$(BIN)/python -m pytest -q tests/test_house.py

servers:
	@tests/install_servers.sh

build: ## compile the kernels again after editing one
	@rm -f .venv/installed
	@$(MAKE) --no-print-directory .venv/installed

bench: .venv/test servers ## measure, and write benchmarks/RESULTS.md (ARGS=--quick)
	$(BIN)/python -m benchmarks.run $(ARGS)

quality: .venv/test ## compare with what people have today, and write benchmarks/QUALITY.md (ARGS=--quick)
	$(BIN)/python -m benchmarks.quality_run $(ARGS)

gallery: .venv/test ## draw the pictures of docs/simulator.md anew (ARGS="icing ageing")
	$(BIN)/python -m docs.gallery $(ARGS)

wheel: .venv/installed ## build dist/telltale-….whl
	rm -rf build dist
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# The locks: what `make demo` needs with the tools that build us, and the same with everything else.
# setuptools and cython are locked too, so nothing that builds or runs comes from outside the lock.
LOCK = $(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	| $(UV) pip compile pyproject.toml - --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --upgrade

lock: ## move every locked version to the newest that pyproject.toml allows (needs uv)
	$(LOCK) --extra demo --output-file requirements.lock
	$(LOCK) --all-extras --constraint requirements.lock --output-file requirements-test.lock

clean: ## remove the environment and everything built
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -f detectors/kernels/*.so detectors/kernels/*.so.sha256
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, in steps; each is done again only when something it rests on has changed.

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is missing or older than 3.11; name another: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) -m venv cannot run here; as root, this mends it: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/locked: requirements.lock | .venv/pyvenv.cfg
	@echo "installing requirements.lock into .venv (a minute or two the first time)"
	@$(INSTALL) --require-hashes -r requirements.lock
	@touch $@

.venv/installed: .venv/locked pyproject.toml setup.py $(KERNELS)
	@echo "installing telltale into .venv and compiling its kernels"
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -c 'import detectors.kernels as kernels; print("kernels:", kernels.description())'
	@touch $@

.venv/test: .venv/installed requirements-test.lock
	@echo "installing requirements-test.lock into .venv"
	@$(INSTALL) --require-hashes -r requirements-test.lock
	@touch $@
