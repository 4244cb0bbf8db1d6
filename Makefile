# Every target sets up what it needs; a machine wants only Python 3.11, git and make.
PYTHON ?= python3.11
BIN := .venv/bin
# Empty means that bytecode is kept: without it the tests compile everything anew in each of their processes.
export PYTHONDONTWRITEBYTECODE =

.PHONY: install demo test quick lint bench bench-ledger bench-health bench-foretell bench-webhooks bench-writes \
	bench-soak bench-latency lock clean

install: .venv/.installed        ## .venv with the product

demo: install                    ## sandbox, pull, enrich, plan, apply, and the portfolio
	$(BIN)/saaskpi demo --once

test: .venv/.installed-dev lint  ## lint, types, import contracts and all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

quick: .venv/.installed-dev      ## the tests but for the slow ones
	$(BIN)/python -m pytest -n 2 -m "not slow"

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: .venv/.installed-dev      ## the whole run at 10,000 customers: time and memory per stage
	$(BIN)/python -m benchmarks.whole_run

bench-ledger: .venv/.installed-dev ## from invoice lines to marts beside three other ways, 10 k to 1 M subscriptions
	$(BIN)/python -m benchmarks.ledger --subscriptions 10000 100000 1000000

bench-health: .venv/.installed-dev ## usage, facts, scores and flags of 100,000 accounts with 50 M events
	$(BIN)/python -m benchmarks.health

bench-foretell: .venv/.installed-dev ## how well the score foretells churn in 10 simulated companies, with and without causes
	$(BIN)/python -m benchmarks.foretell

bench-webhooks: .venv/.installed-dev ## webhooks a second, each on disk before it is answered
	$(BIN)/python -m benchmarks.webhooks

bench-writes: .venv/.installed-dev ## calls that a change set costs in the CRM, beside drt-core
	$(BIN)/python -m benchmarks.writes

bench-soak: .venv/.installed-dev ## the server under load for a long time
	$(BIN)/python -m benchmarks.soak

bench-latency: .venv/.installed-dev ## from an event to the property in the CRM
	$(BIN)/python -m benchmarks.latency

lock: .venv/.installed-dev       ## refresh both lock files from pyproject.toml
	$(BIN)/python -m pip install --quiet "uv>=0.9,<1"
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet -c requirements.lock --upgrade -o requirements-dev.lock

clean:
	rm -rf .venv .saaskpi build dist *.egg-info

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "saaskpi needs $(PYTHON); install it or run: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
