# `make new DEST=../my-service` makes a service; `make test` proves the template.
PYTHON ?= python3
BIN := .venv/bin

POETRY := $(shell sed -n '/^.poetry./,/^$$/s/^version = "\([^"]*\)".*/\1/p' standard.toml)

export PATH := $(CURDIR)/.poetry/bin:$(PATH)
# Answers and files are UTF-8 in any locale.
export PYTHONUTF8 := 1
# What a person says reaches Python as it was typed: neither make nor a shell runs anything in it.
override export DEST := $(value DEST)
override export SERVICE := $(value SERVICE)
override export ANSWERS := $(value ANSWERS)

.PHONY: help new adopt bases constraints test lint test-render test-update test-image test-ci test-deploy test-observability test-every-day test-docs test-hostile test-bots \
	soak reliability drift fleet tags plain engine bench bench-figures bench-observability bench-compare pictures

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 20

new: .venv/installed ## Make a service: DEST=../my-service [ANSWERS="service_kind=job port=9000" or a file]
	@$(BIN)/python tasks/new.py "$$DEST" --answers="$$ANSWERS"

test: lint test-render test-update test-image test-ci test-deploy test-observability test-every-day test-docs test-hostile ## Prove the template, with real images

lint: .venv/installed ## Check format, lint and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

test-render: .venv/installed ## Prove what it writes: no engine, less than two minutes
	$(BIN)/pytest --numprocesses auto tests/render tests/bench

test-update: .venv/installed ## Prove that updates take nothing from owners
	$(BIN)/pytest --numprocesses auto tests/update tests/adopt

test-image: .venv/installed ## Prove the images, on a real engine
	$(BIN)/pytest tests/engine tests/image

test-ci: .venv/installed ## Prove the pipelines, on a real engine and registry
	$(BIN)/pytest tests/ci

test-observability: .venv/installed ## Prove what services tell of themselves, to real servers
	$(BIN)/pytest tests/observability

test-hostile: .venv/installed ## Prove that it holds where people and machines do their worst
	$(BIN)/pytest --numprocesses 2 -m 'not soak' tests/hostile

reliability: .venv/installed ## Run test-hostile, and write what it counts to docs/reliability.md
	@$(BIN)/python -m benchmarks.reliability hostile

soak: .venv/installed ## Run the long hostile tests, and write to that page too: [ONLY=worker]
	@$(BIN)/python -m benchmarks.reliability soak $(if $(ONLY),--only "$(ONLY)")

test-deploy: .venv/installed ## Prove promotions, canaries and manifests: a real registry and signatures, no cluster
	$(BIN)/pytest --numprocesses auto tests/deploy

test-docs: .venv/installed ## Prove that each command of the pages does what its page says
	$(BIN)/pytest tests/docs

test-every-day: .venv/installed ## Prove Compose, PostgreSQL, devcontainers and pre-commit, by the real ones
	$(BIN)/pytest tests/every_day

adopt: .venv/installed ## Bring an existing service under the template: SERVICE=../old-service [ANSWERS=…]
	@$(BIN)/python tasks/adopt.py "$$SERVICE" --answers="$$ANSWERS"

test-bots: .venv/installed ## Prove what Renovate does with services and with the template
	$(BIN)/pytest tests/bots

drift: .venv/installed ## Say how far a service is from the newest template: SERVICE=../my-service
	@$(BIN)/python tasks/drift.py "$$SERVICE"

bases: .venv/installed ## Build the organisation's base images: [PYTHONS="3.13 3.14"] [PUSH=1]
	@$(BIN)/python tasks/bases.py $(PYTHONS) $(if $(PUSH),--push)

constraints: .venv/installed ## Pin what Poetry and uv of standard.toml come with, after a version has moved
	@$(BIN)/python tasks/constraints.py

fleet: .venv/installed ## Update as many services as a fleet has, and say what became of them: [N=200] [SEED=1]
	@$(BIN)/python benchmarks/fleet.py $(or $(N),200) --seed $(or $(SEED),1)

tags: .venv/installed ## Set the tag of each release that main records
	@$(BIN)/python tasks/releases.py

plain: .venv/installed ## Write the edition that needs no trust: DEST=../plain
	@$(BIN)/python tasks/plain.py "$$DEST"

engine: .venv/installed ## Keep a Docker engine for a machine that has none: [BASES=python:3.13-slim-trixie]
	@$(BIN)/python -m tests.engine up $(BASES)

bench: .venv/bench ## Measure the images beside others: [ROUNDS=3] [ONLY=light] [QUICK=1] [ENGINE=own]
	@$(if $(filter own,$(ENGINE)),,TEST_ENGINE=private) $(BIN)/python -m benchmarks run \
	$(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

bench-figures: .venv/bench ## Write tables and charts anew from benchmarks/results.json
	@$(BIN)/python -m benchmarks figures

bench-observability: .venv/installed ## Measure what telling costs, and write it to docs/observability.md
	@TEST_ENGINE=private $(BIN)/python -m benchmarks.observability

bench-compare: .venv/installed ## Name what got worse: OLD=before.json NEW=after.json
	@test -e "$(OLD)" -a -e "$(NEW)" || { echo "Say which: make bench-compare OLD=before.json NEW=after.json" >&2; exit 1; }
	@$(BIN)/python -m benchmarks compare "$(OLD)" "$(NEW)"

pictures: .venv/pictures ## Take the pictures of the README anew, from a real run
	@$(BIN)/python -m benchmarks.pictures

.venv/installed: pyproject.toml poetry.lock | .poetry/bin/poetry
	@echo "Installing what the checkout needs, once ..."
	@.poetry/bin/python tasks/mirror.py sync
	@touch $@

.venv/bench: .venv/installed
	@echo "Installing what the benchmark needs, once ..."
	@.poetry/bin/python tasks/mirror.py install --with bench
	@touch $@

.venv/pictures: .venv/installed
	@echo "Installing what the pictures need, once ..."
	@.poetry/bin/python tasks/mirror.py install --with pictures
	@touch $@

.poetry/bin/poetry:
	@echo "Installing Poetry into .poetry, once ..."
	@$(PYTHON) -m venv .poetry
	@.poetry/bin/pip install --quiet --disable-pip-version-check \
	--constraint template/.poetry-constraints.txt poetry==$(POETRY) poetry-plugin-pypi-mirror plumbum
