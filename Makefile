# Python 3.11+ and make are all a machine needs; everything else comes from the lock files in requirements/.
PYTHON ?= python3
BIN := .venv/bin
UV := .bootstrap/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
OUT ?= rehearsal-out

.DEFAULT_GOAL := help
.PHONY: help setup rehearse test lint types lock bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

setup: .venv/.ready ## prepare .venv with everything, so that .venv/bin/holdfast works

.bootstrap/.ready: requirements/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Holdfast needs Python 3.11 or newer, $(PYTHON) is $$($(PYTHON) -V 2>&1); set PYTHON=/path/to/python3.11" >&2; exit 2; }
	@rm -rf .bootstrap && $(PYTHON) -m venv .bootstrap
	@.bootstrap/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r $<
	@touch $@

.venv/.ready: .bootstrap/.ready requirements/dev.txt pyproject.toml
	@echo "preparing .venv (once)" >&2
	@test -x $(BIN)/python || $(UV) venv --quiet --allow-existing --python .bootstrap/bin/python .venv
	@VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes --only-binary :all: requirements/dev.txt
	@VIRTUAL_ENV=.venv $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

rehearse: setup ## the main job: deploy, back up, break, restore and measure the backup vault on this machine
	@$(BIN)/holdfast rehearse backup-vault --out $(OUT)

test: setup ## every test but the ones that take minutes
	@$(BIN)/python -m pytest -n auto -m "not e2e"

bench: setup ## the backup engine beside restic and borg, where they are: minutes, and 12 GiB of room
	@$(BIN)/python -m bench.backup

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

lock: .bootstrap/.ready ## pin every dependency anew, by version and hash, without an index host
	@$(COMPILE) pyproject.toml --extra rehearsal --extra dev -o requirements/dev.txt
	@$(COMPILE) pyproject.toml --extra rehearsal -c requirements/dev.txt -o requirements/rehearsal.txt
	@$(COMPILE) pyproject.toml --extra cdk -c requirements/dev.txt -o requirements/cdk.txt
	@$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	@$(COMPILE) requirements/lambda.in -c requirements/dev.txt -o requirements/lambda.txt

clean: ## remove what the other targets made
	rm -rf .venv .bootstrap $(OUT) cdk.out build dist
