# Two commands do everything on a fresh machine: `make demo` and `make test`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BUILDER := $(VENV)/.tensorrt
# two files at a time, each with services of its own: tests wait more than they compute
LANES ?= -n 2 --dist loadfile --no-loadscope-reorder
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PATH := $(CURDIR)/$(BIN):$(PATH)
# where it is set, as in many images, each process of the stack compiles all that it imports anew: 4 s of CPU, not 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup system demo rollout-demo test test-all test-mutants lint format bench results lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

setup: system $(STAMP)  ## install everything that is missing

system:
	@deploy/bootstrap.sh

$(STAMP): requirements/dev.txt requirements/uv.txt pyproject.toml
	@deploy/bootstrap.sh venv $(PYTHON) $(VENV)
	@touch $@

demo: setup  ## start the stack, import real films and ratings, show all of it (DEMO_EXIT=1 stops it after)
	@python -m deploy.demo

rollout-demo: setup  ## after it: retrain, and roll the new model in and back under traffic (DEMO_EXIT=1 stops it)
	@python -m deploy.demo.rollout

test: setup $(BUILDER)  ## every test, every kind of fault once (prints its seed; MARQUEE_TEST_SEED repeats it)
	@pytest $(LANES) -m "not full" $(ARGS)

test-all: setup  ## the full matrix of faults
	@pytest $(ARGS)

test-mutants: setup  ## switch each protection off: the test that names it must fail
	@python -m tests.faults.mutants

# NVIDIA's builder, 100 MB; where it cannot be had, its tests are skipped and say so
$(BUILDER): requirements/tensorrt.txt $(STAMP)
	@echo "installing tensorrt-rtx into $(VENV)"
	@if $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r $<; then touch $@; \
		else echo "tensorrt-rtx is not to be had here: its tests are skipped" >&2; fi

tensorrt-check: setup $(BUILDER)  ## NVIDIA's parser and builder on every shipped ONNX file, without a GPU (some minutes)
	@pytest tests/integration/tensorrt $(ARGS)

lint: setup  ## ruff and mypy --strict
	@ruff check . && ruff format --check . && mypy

format: setup  ## write ruff's formatting and safe fixes
	@ruff check --fix . ; ruff format .

bench: setup  ## all benchmarks, or one: make bench NAME=ledger
	@python -m benchmarks $(NAME)

results: setup  ## every row of docs/results.md that is due (hours; can be stopped and typed again)
	@marquee evaluate all

lock: setup  ## resolve the dependencies anew, with hashes
	@uv pip compile -q --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --upgrade \
		--extra train --extra dev pyproject.toml -o requirements/dev.txt

clean: ## stop the local stack and remove everything that was made here
	@if [ -x $(BIN)/marquee ]; then $(BIN)/marquee stack down || true; fi
	@rm -rf $(VENV) .marquee build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
