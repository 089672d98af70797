SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
PROFILE ?= default
REPOSITORY ?= femo-inference
PYTHON_IMAGE ?=
STACK ?=
ARGS ?=
JOBS ?= 1000
CONSOLE_SOURCES := $(shell find console -path console/node_modules -prune -o -type f -print)
# The local AWS's public test key, and a template property that only asks for a secret.
NOT_SECRET := '(?i)secret_access_key"?[=:] ?"test(ing)?"|GenerateSecret:'

.PHONY: help setup demo up build-functions down test test-unit test-console test-browser test-drills test-sdk test-image image push remove check format lock bench bench-truth bench-scale bench-scaling bench-api bench-jobs bench-deployments bench-table clean bench-startup bench-synchronous docs

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-17s %s\n", $$1, $$2}'

setup: .venv/.installed .tools/ministack/.installed .tools/sam/.installed .tools/container/.installed .tools/node/.installed build/console/.built build/docs/.built ## Install everything into this folder, from the lock files

.tools/uv/.installed: requirements/uv.txt
	@scripts/install-environment $(PYTHON) .tools/uv $< "uv, which installs the rest"
	@touch $@
.venv/.installed: requirements/dev.txt pyproject.toml emulator/pyproject.toml .tools/uv/.installed
	@scripts/install-environment $(PYTHON) .venv requirements/dev.txt "the project and its developer tools"
	@.tools/uv/bin/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable emulator
	@touch $@
.tools/ministack/.installed: requirements/ministack.txt .tools/uv/.installed
	@scripts/install-environment $(PYTHON) .tools/ministack $< "MiniStack, the laptop's AWS"
	@touch $@
.tools/sam/.installed: requirements/sam.txt .tools/uv/.installed
	@scripts/install-environment $(PYTHON) .tools/sam $< "AWS SAM CLI"
	@touch $@
.tools/container/.installed: requirements/container.txt .tools/uv/.installed
	@rm -rf $(@D)  # what the image installs, and nothing that it once did
	@scripts/install-environment $(PYTHON) .tools/container $< "what the inference image installs"
	@touch $@
.tools/sdk/.installed: requirements/sdk.txt .tools/uv/.installed
	@scripts/install-environment $(PYTHON) .tools/sdk $< "the SageMaker SDK, as notebooks use it"
	@touch $@
.tools/docs/.installed: requirements/docs.txt .tools/uv/.installed
	@scripts/install-environment $(PYTHON) .tools/docs $< "what the documentation is built with"
	@touch $@
.tools/node/.installed: package.json package-lock.json
	@echo "Installing asl-validator and swagger-ui into .tools/node"
	@mkdir -p .tools/node && cp package.json package-lock.json .tools/node/
	@npm ci --prefix .tools/node --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

console/node_modules/.installed: console/package.json console/package-lock.json
	@echo "Installing what the console is built with into console/node_modules"
	@npm ci --prefix console --no-audit --no-fund --loglevel=error
	@touch $@
build/console/.built: console/node_modules/.installed docs/result.schema.json $(CONSOLE_SOURCES)
	@echo "Building the console"
	@npm run --prefix console --silent build >/dev/null
	@mkdir -p $(@D) && touch $@
build/docs/.built: .tools/node/.installed .venv/.installed scripts/build_api_page.py $(wildcard scripts/api_page/*)
	@$(BIN)/python -m scripts.build_api_page
	@mkdir -p $(@D) && touch $@

demo: setup ## Run the main job from end to end on this machine: train, deploy, submit a recording, print its movements
	@$(BIN)/python -m scripts.demo

up: setup ## Start the local stack, deploy the template to it, and keep it running
	@$(BIN)/python -m local_stack status >/dev/null 2>&1 || $(BIN)/python -m local_stack start
	@$(BIN)/python -m scripts.connect

build-functions: setup ## Build the functions, as a stack does that is started first
	@$(BIN)/python -m local_stack build

down: ## Stop the local stack
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local_stack stop; fi

test: setup ## Run every test but the drills
	@npm test --prefix console --silent
	@$(BIN)/python -m pytest --numprocesses 3 -m "not drill"

test-drills: setup ## Kill, redrive and remove a stack's parts for minutes, at every state
	@$(BIN)/python -m pytest --numprocesses 2 -m drill tests/integration

test-unit: .venv/.installed ## Run the tests that need no stack
	@$(BIN)/python -m pytest --numprocesses 2 tests/unit emulator/tests

test-sdk: setup .tools/sdk/.installed ## Run the notebooks' page with the SageMaker SDK, on a local stack
	@.tools/sdk/bin/python -m pytest tests/sdk

image: .venv/.installed ## Build the inference image with Docker or buildah (PYTHON_IMAGE: another base)
	@$(BIN)/python -m scripts.image.build --base "$(PYTHON_IMAGE)"

push: .venv/.installed ## Push the commit's image to Amazon ECR, its URI to samconfig.toml (PROFILE, REPOSITORY)
	@$(BIN)/python -m scripts.image.push --profile "$(PROFILE)" --repository "$(REPOSITORY)"

remove: .venv/.installed ## Remove a stack from AWS, but its data (STACK=femo-dev; ARGS=--dry-run)
	@$(if $(STACK),,echo "Name the stack: make remove STACK=femo-dev" >&2; exit 2)
	@$(BIN)/femo remove $(ARGS) -- "$(STACK)"

test-image: .venv/.installed ## Build the image without a Docker engine, and run it (root, buildah, mmdebstrap)
	@$(BIN)/python -m pytest tests/image --timeout 1200

test-console: build/console/.built ## Run the console's own tests
	@npm test --prefix console --silent

test-browser: build/console/.built ## Run the built pages in a browser (Debian's Chromium; CHROMIUM: another)
	@npm run --prefix console --silent test:browser

check: .venv/.installed .tools/node/.installed .tools/sam/.installed console/node_modules/.installed .tools/docs/.installed ## Format, lint, types, imports, template, state machines, Dockerfile, scripts, documentation, secrets
	@$(MAKE) --jobs 2 --output-sync=target $(CHECKS)

# The longest first, as two are at work at once
CHECKS := check-types check-secrets check-template check-code check-console check-docs check-machines check-scripts
.PHONY: $(CHECKS)
check-types:
	$(BIN)/mypy
check-secrets:
	$(BIN)/detect-secrets-hook --exclude-lines $(NOT_SECRET) $$(git ls-files | grep -vE '(requirements.*\.txt|package-lock\.json)$$')
check-template:
	$(BIN)/cfn-lint template.yaml
	.tools/sam/bin/sam validate --lint --region us-east-1
check-code:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
check-machines:
	set -e; for machine in statemachines/*.asl.json; do .tools/node/node_modules/.bin/asl-validator --json-path $$machine; done
check-console:
	npm run --prefix console --silent check
check-docs:
	NO_MKDOCS_2_WARNING=1 .tools/docs/bin/mkdocs build --quiet
check-scripts:
	$(BIN)/hadolint inference_container/Dockerfile
	$(BIN)/shellcheck scripts/install-environment .ci/browser .ci/image .ci/run run_pipeline.sh

docs: .venv/.installed .tools/docs/.installed build/notebooks/first_night.ipynb ## Build the documentation as a site, into build/site
	@NO_MKDOCS_2_WARNING=1 .tools/docs/bin/mkdocs build --quiet
build/notebooks/%.ipynb: docs/%.ipynb .venv/.installed
	@$(BIN)/python -m scripts.run_notebook $< $@

bench: .venv/.installed ## Time and memory of the analysis by length, against a plain filter of the same channels
	@$(BIN)/python -m bench.engine --check

bench-truth: .venv/.installed ## How true the analysis is on recordings no model was trained on, against the stored baseline
	@$(BIN)/python -m bench.truth --check

bench-scaling: .venv/.installed ## Extraction over cores and hosts, training on 100,000 detections
	@$(BIN)/python -m bench.scaling

bench-scale: .venv/.installed ## Waiting and cost by recordings a day, simulated with the policies as deployed
	@$(BIN)/python -m bench.scale

bench-startup: .venv/.installed ## What a process takes from nothing: femo, a worker, the API function
	@$(BIN)/python -m bench.startup --check

bench-api: setup ## Cold import, package size and latency of the API function, on a local stack
	@$(BIN)/python -m bench.api --check

bench-table: .venv/.installed ## What listing, sweep and count read of 20,000 jobs, and what a job writes
	@$(BIN)/python -m bench.table

bench-jobs: setup ## Jobs in both lanes while messages are lost and parts are killed: none lost, stuck or doubled (JOBS=1000)
	@$(BIN)/python -m bench.jobs --jobs "$(JOBS)"

bench-synchronous: setup ## First result of an hour from nothing, and what callers see that wait, hang up or are too many
	@$(BIN)/python -m bench.synchronous

bench-deployments: setup ## The deployment machine failed at every state, stopped, overtaken, starved: what then serves
	@$(BIN)/python -m bench.deployments

format: .venv/.installed ## Rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: .tools/uv/.installed ## Resolve the lock files anew from requirements/*.in
	for name in dev container ministack sam sdk docs uv; do \
	  .tools/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-annotate --no-emit-index-url requirements/$$name.in --output-file requirements/$$name.txt; \
	done

clean: down ## Remove what the targets above made
	rm -rf .venv .tools .aws-sam .local build demo-output console/node_modules
