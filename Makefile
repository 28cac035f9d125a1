# Pentimento. `make help` lists what there is.
HOST ?= 127.0.0.1
PORT ?= 7860
GALLERY ?=
INDEX ?=
MCP ?=
PYTHON ?= python3
# To take torch from elsewhere (a CPU build, for instance): make setup TORCH_INDEX=<address of a package index>
TORCH_INDEX ?=
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-scale run index test check bench bench-scale clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## make .venv with everything that the page needs, pinned

setup-dev: .venv/.ready-dev

setup-scale: .venv/.ready-scale ## add what goes beyond one machine: Milvus, Ray, object stores

run: setup ## prepare what is missing and open the page (HOST=127.0.0.1 PORT=7860; MCP=1: for assistants, too)
	$(BIN)/python app.py --host $(HOST) --port $(PORT) $(if $(MCP),--mcp)

index: setup ## rebuild features and indexes of every prepared gallery (GALLERY= and INDEX= narrow it)
	$(BIN)/python -m core index $(GALLERY) $(if $(INDEX),--index $(INDEX)) --rebuild

test: setup-dev ## run all tests (installs what they need, the browser included)
	sh tests/browser.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile -rs --cov=core --cov-report=term:skip-covered

check: setup-dev ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup-dev ## run the benchmarks; results go to bench-results/
	$(BIN)/pip install -q -r requirements-bench.txt
	$(BIN)/python -m core bench index
	$(BIN)/python -m core bench curves
	$(BIN)/python -m core bench search
	$(BIN)/python -m core bench codec
	$(BIN)/python -m core bench map
	$(BIN)/python -m core bench words

bench-scale: setup ## measure what each part costs per picture, and what that makes of up to a thousand million
	$(BIN)/python -m core bench scale $(GALLERY)

clean: ## remove caches and results; galleries, features and indexes stay
	rm -rf build bench-results test-results .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage*
	find . -name __pycache__ -not -path './.venv/*' -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Pentimento needs Python 3.11, 3.12 or 3.13; give one: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/.ready: requirements.txt | .venv/bin/python
	$(if $(TORCH_INDEX),$(BIN)/pip install --index-url $(TORCH_INDEX) $$(grep -E '^torch(vision)?==' requirements.txt))
	$(BIN)/pip install --progress-bar on -r requirements.txt
	touch $@

.venv/.ready-dev: requirements-dev.txt .venv/.ready
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@

.venv/.ready-scale: requirements-scale.txt requirements-servers.txt .venv/.ready
	$(BIN)/pip install -q -r requirements-scale.txt
	$(BIN)/python -m venv .venv/servers
	.venv/servers/bin/pip install -q -r requirements-servers.txt
	touch $@
