# `make run` and `make test` set everything up by themselves; the other targets too.
PYTHON ?= $(firstword $(foreach version,3.11 3.12 3.13,$(shell command -v python$(version))) python3)
BODY ?= cheetah
BODIES ?=
ROUTE ?= both
TASKS ?= basic
METHOD ?= gaussian
SEED ?= 0
SEEDS ?= 3
WORKERS ?= processes
PROFILE ?= full

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Wheels of torch without CUDA, tried beside the usual index and only for torch.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
TORCH = $(shell grep '^torch==' constraints.txt)

.DEFAULT_GOAL := help
.PHONY: help run compare sweep demo test bench up down lint setup

help:
	@echo "make run [BODY=cheetah] [ROUTE=reuse|retrain|both] [TASKS=basic|all] [SEED=0]  the main job, result table and report"
	@echo "make compare [BODIES='cheetah hopper'] [ROUTE=...] [SEED=0]        all bodies, one toy, one table"
	@echo "make sweep [BODIES=...] [SEEDS=3] [WORKERS=processes|dask|ray]     all bodies, several training seeds, one table"
	@echo "make demo    the walker and the cheetah follow tasks: a video and a page, from packed agents, in a minute"
	@echo "make test    all tests        make bench   benchmarks       make lint    ruff and pyright"
	@echo "make up      start Prefect    make down    stop all of it"

run: $(READY)
	@$(BIN)/python -m flows.run --body '$(BODY)' --route '$(ROUTE)' --tasks '$(TASKS)' --method '$(METHOD)' \
		--seed '$(SEED)' --profile '$(PROFILE)'

compare: $(READY)
	@$(BIN)/python -m flows.run compare-bodies --bodies $(foreach body,$(BODIES),'$(body)') --route '$(ROUTE)' \
		--seed '$(SEED)' --profile '$(PROFILE)'

sweep: $(READY)
	@$(BIN)/python -m flows.run sweep --bodies $(foreach body,$(BODIES),'$(body)') --route '$(ROUTE)' \
		--seed '$(SEED)' --seeds '$(SEEDS)' --workers '$(WORKERS)' --profile '$(PROFILE)'

demo: $(READY)
	@$(BIN)/python -m vis.demo

# Three files at a time, as many wait for servers, in order: the long ones come early.
test: $(READY)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

bench: $(READY)
	@$(BIN)/python -m pytest tests/benchmarks$(if $(ONLY),/bench_$(ONLY).py) -s --timeout 0 -o 'python_files=bench_*.py'

up: $(READY)
	@$(BIN)/python -m flows.services up

down: $(READY)
	@$(BIN)/python -m flows.services down

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright

setup: $(READY)

# The stamp is written last, so an interrupted set-up is simply done again.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		|| { echo "PYTHON: $(PYTHON) is not Python 3.11, 3.12 or 3.13; name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing pinned packages into $(VENV) (two minutes, about 2 GB)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --retries 0 --extra-index-url $(TORCH_INDEX) $(TORCH)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
