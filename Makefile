# Every target does its own set-up: a virtual environment in .venv with the pinned requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
N ?= 2000
# A site keeps its profiles in profiles/, so that no target takes the shipped ones by mistake. An empty value is none.
ifeq ($(strip $(PROFILES)),)
override PROFILES := $(if $(wildcard profiles/profiles.yaml),profiles,infra/profiles)
endif

.DEFAULT_GOAL := help
.PHONY: help demo up unit test check lint package smoke bench simulate mutants check-profiles profiles-bundle infra-check infra-fmt schema lock clean

help: ## What there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STAMP): requirements.txt requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: $(STAMP) ## People join, leave and come back, in under a minute; fails if a result is wrong.
	@$(BIN)/python -m demo

up: $(STAMP) ## The same stack, kept running until Ctrl-C (PORT=8080 for fixed ports, PROFILES=, REGION=).
	@$(BIN)/python -m local.up --profiles "$(PROFILES)" $(if $(PORT),--port "$(PORT)") $(if $(REGION),--region "$(REGION)")

unit: $(STAMP) ## The fast tests, in under a minute: unit, contract and simulation, without those marked slow.
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests/unit tests/contract tests/stateful

# The functions' needs are compared with their grants at the end: that takes all tests.
NEEDS = $(CURDIR)/.local/needs

test: $(STAMP) ## All tests, also on Google's emulators where they are installed; then, what was granted.
	@rm -rf $(NEEDS)
	@NEEDS_DIR=$(NEEDS) $(BIN)/python -m pytest -n 2 --dist loadfile
	@$(BIN)/python -m tools.permissions $(NEEDS)

check: lint test ## What a change must pass: lint, types, layers, profiles, tests.

lint: $(STAMP) check-profiles ## Lint, types, layers, generated files, Terraform.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tools.schemas --check
	@$(MAKE) --no-print-directory infra-check

check-profiles: $(STAMP) ## Check the profiles in PROFILES= for REGION=, also against the API schemas.
	@$(BIN)/python -m tools.check_profiles "$(PROFILES)" $(if $(REGION),--region "$(REGION)")

profiles-bundle: $(STAMP) ## Check PROFILES= like that and write dist/profiles.json, which a deployment reads in one call.
	@$(BIN)/python -m tools.bundle_profiles "$(PROFILES)" $(if $(REGION),--region "$(REGION)")

infra-check: $(STAMP) ## Terraform and checkov on infra/, offline; REQUIRED=1 fails where they can't be installed.
	@$(BIN)/python -m tools.terraform check infra $(if $(REQUIRED),--required)

infra-fmt: $(STAMP) ## Format infra/ as Terraform does.
	@$(BIN)/python -m tools.terraform fmt infra

schema: $(STAMP) ## Write docs/*.schema.json from the types.
	@$(BIN)/python -m tools.schemas

package: $(STAMP) ## Build dist/benchkeeper.zip, what Cloud Functions gets: same sources, same bytes.
	@$(BIN)/python -m tools.package

smoke: package ## Boot every entry point from the archive and send each one a real push.
	@$(BIN)/python -m tools.smoke

bench: $(STAMP) ## Calls, ratios of CPU and of cold start, against the budgets.
	@$(BIN)/python -m bench

simulate: $(STAMP) ## N= random histories on JOBS= cores; SEED= repeats a run, LIFE= one of it.
	@$(BIN)/python -m tests.stateful.simulate --lives $(N) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(LIFE),--life $(LIFE)) $(SIMULATE)

# N has a default for the lives above; only one that was given is a number of mutants.
MUTANTS = $(if $(filter command environment,$(firstword $(origin N))),$(N))

mutants: $(STAMP) ## Small changes that no test detects. All, or N= of them by SEED=; ONLY= files; SINCE= a commit.
	@$(BIN)/python -m tools.mutants $(if $(MUTANTS),--count $(MUTANTS)) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(SINCE),--since $(SINCE)) $(if $(ONLY),--only $(ONLY))

.PHONY: deploy canary
deploy: ## Plan, ask and apply infra/ with the values of infra/terraform.tfvars (YES=1: without asking; docs/install.md).
	@sh tools/pipeline/deploy.sh

canary: $(STAMP) ## Verify a deployment: a synthetic person joins and leaves (PROJECT=, FLEET_URL=, CANARY_EMAIL=; docs/install.md).
	@$(BIN)/python -m tools.canary $(CANARY)

LOCKED := requirements requirements-dev $(addprefix tools/terraform/requirements-,terraform checkov)

lock: ## Pin requirements*.txt anew from requirements*.in, also those of tools/terraform.
	$(PYTHON) -m venv .local/lock && .local/lock/bin/pip install --quiet uv
	for name in $(LOCKED); do .local/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $$name.in -o $$name.txt || exit 1; done

clean: ## Remove what the targets made.
	rm -rf $(VENV) .local dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
