# One verb per intent. `make` or `make help` lists them. Every verb sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Sizes of the deep runs: `make fuzz N=1000000`.
N ?= 200000
SEED ?= 1
DEPTH ?= 7
CALLS ?= 6
MINUTES ?= 55
SEEDS ?= 50
SESSIONS ?= 200
SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help setup demo test cover cover-own check format fuzz fuzz-server model soak calls interop load mutants docs clean

help: ## list the verbs
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

# Two stamps: the demo needs far less than the developers' tools.
$(VENV)/.cli: pyproject.toml | $(VENV)/bin/python
	@echo "installing realtime-transport[cli] into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "installing realtime-transport[dev] into $(VENV) (type checkers and peers included: a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.cli

setup: $(VENV)/.dev ## make the virtual environment with everything developers use

demo: $(VENV)/.cli ## hold a spoken conversation here, without a key or network; writes out/demo/
	@$(BIN)/realtime-transport demo --output out/demo

test: $(VENV)/.dev ## run all tests, with coverage
	@rm -f .coverage .coverage.*
	@# A file is one worker's, so that what its tests share is made once.
	@$(BIN)/coverage run -m pytest -n 2 --dist loadfile --no-loadscope-reorder
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --format=total | sed 's/^/coverage of lines and branches: /;s/$$/ %/'

cover: test ## the same, and which lines were not reached
	@$(BIN)/coverage report

cover-own: $(VENV)/.dev ## what of each module of the core its own tests alone reach: all (3 minutes)
	$(BIN)/python scripts/own_coverage.py

check: $(VENV)/.dev ## linter, formatter, both type checkers, completeness of the public types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	@# PATH: it asks the first python there for the packages that ours build on. PYTHONPATH: it finds py.typed of an
	@# editable install only where it is on the path itself.
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=. $(BIN)/pyright --verifytypes realtime_transport --ignoreexternal

format: $(VENV)/.dev ## format and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: $(VENV)/.dev ## mutate N captured frames against the codec (N=200000 SEED=1)
	$(BIN)/python scripts/fuzz_wire.py --frames $(N) --seed $(SEED)

fuzz-server: $(VENV)/.dev ## throw N client frames at the server: sound, flawed and wild ones (N=200000 SEED=1)
	$(BIN)/python scripts/fuzz_server.py --frames $(N) --seed $(SEED)

model: $(VENV)/.dev ## search the state machines exhaustively to DEPTH=7
	$(BIN)/python scripts/model_check.py --depth $(DEPTH)

soak: $(VENV)/.dev ## hold CALLS=6 long calls of MINUTES=55 in virtual time; does anything grow? (SEED=1)
	$(BIN)/python scripts/soak.py --calls $(CALLS) --minutes $(MINUTES) --seed $(SEED)

interop: $(VENV)/.dev ## other people's clients and servers against ours, over real sockets (ONLY=agents)
	@$(BIN)/python -m interop --only '$(ONLY)'

load: $(VENV)/.dev ## SESSIONS=200 talk with the emulator on one core for SECONDS=60: how late is it, does it grow?
	$(BIN)/python scripts/load.py --sessions $(SESSIONS) --seconds $(SECONDS)

calls: $(VENV)/.dev ## phone calls of chance on every carrier: is heard = history? (SEEDS=50 on each)
	$(BIN)/python -m tests.telephony.test_random_calls $(SEEDS)

mutants: $(VENV)/.dev ## mutation testing of conversation/ (an hour; a sample: ONLY="--sample 500")
	$(BIN)/python scripts/mutate.py $(ONLY)

# An environment of its own: openai-agents holds other packages back, and every variant must run on the same ones.
.venv-bench/.ready: pyproject.toml bench/package-lock.json
	$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@command -v npm >/dev/null && cd bench && npm ci --silent --no-audit --no-fund || echo "without npm the node peer is left out"
	@touch $@

bench: .venv-bench/.ready ## measure against the bare socket and the peers (minutes)
	.venv-bench/bin/python -m bench

bench-full: .venv-bench/.ready ## the same with medians of seven, and renew docs/performance.md
	.venv-bench/bin/python -m bench --full --publish

docs: $(VENV)/.dev ## draw what the docs show from the code (state machines, dialects, events, overloads)
	$(BIN)/python scripts/draw_states.py
	$(BIN)/python scripts/list_dialects.py
	$(BIN)/python scripts/list_events.py
	$(BIN)/python scripts/generate_overloads.py

clean: ## remove what was built
	rm -rf $(VENV) .venv-bench bench/node_modules interop/.kept interop/node_modules out .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info
