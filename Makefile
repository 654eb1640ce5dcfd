# `make` lists the targets. Everything is installed into .venv; nothing else is needed than Python 3.12 or newer, or uv.
.DEFAULT_GOAL := help
.PHONY: help dev pages pictures test check thorough demo token psql reset doctor migrate lint drawing rewrites statements openapi vercel-dev bench fuzz lock soak

BIN := .venv/bin
STAMP := .venv/.installed
WORKERS ?= logical
FUZZ_CASES ?= 100000
REQUESTS ?= 100000
PYTHON ?=
ATHERIS := atheris==3.1.0

# What is typed behind `make`, and never the shell's: its USER is the login name, its TOKEN may be another service's.
typed = $(if $(filter command line,$(origin $1)),$($1))

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

dev: $(STAMP) ## serve every function on http://localhost:8000 (PORT=… for another), reloading on change
	@$(BIN)/python -m dev.pages || true
	@$(BIN)/python -m dev.server

pages: $(STAMP) ## build the reference and the wizard from client/ into public/
	@$(BIN)/python -m dev.pages

pictures: $(STAMP) ## picture each step of the wizard anew, into docs/wizard
	@ONBOARDING_PICTURES=docs/wizard $(BIN)/python -m pytest -q -n 0 -m browser tests/browser

test: $(STAMP) ## run the suite, but for the tests of make thorough
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadgroup

check: lint ## lint and the quick tests, in under a minute
	@$(BIN)/python -m pytest -q -n $(WORKERS) --maxprocesses 8 -m "not slow and not platform and not fuzz and not thorough"

thorough: $(STAMP) ## the tests that take minutes: the Vercel CLI, Chromium, fresh projects with the client, recipes
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist loadgroup -m thorough

demo: $(STAMP) ## walk every step over HTTP as a new user and show the last one
	@$(BIN)/python -m dev.demo

token: $(STAMP) ## print a development token (USER=user_2abc)
	@$(BIN)/python -m dev.token $(call typed,USER)

psql: $(STAMP) ## open the database of make dev in psql, reading every user's rows
	@$(BIN)/python -m dev.psql

reset: $(STAMP) ## erase the development database, after asking
	@$(BIN)/python -m dev.reset

doctor: $(STAMP) ## examine the settings and database of make dev, or a deployment: URL=… ORIGIN=… TOKEN=…
	@$(BIN)/python -m dev.doctor $(call typed,URL) $(addprefix --origin=,$(call typed,ORIGIN)) $(addprefix --token=,$(call typed,TOKEN))

migrate: $(STAMP) ## migrate DATABASE_URL_UNPOOLED or DATABASE_URL, of the shell or .env.local, or else the development database
	@$(BIN)/python -m dev.database

lint: $(STAMP) ## ruff and mypy --strict
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy --strict

rewrites: $(STAMP) ## write the rewrites of vercel.json, after a change of the functions' routes
	@$(BIN)/python -m dev.rewrites

statements: $(STAMP) ## compile the statements of lib/db/sql into lib/db/compiled.json, after a change of a statement or a table
	@$(BIN)/python -m dev.statements

openapi: $(STAMP) ## write public/openapi.json, after a change of a route, an answer or a request
	@$(BIN)/python -m dev.openapi

drawing: $(STAMP) ## draw the rooms of the code and their imports into docs/ROOMS.md
	@$(BIN)/python -m dev.drawing

vercel-dev: $(STAMP) ## the same under the real `vercel dev`, every function built before the first request; with Node.js
	@$(BIN)/python -m dev.vercel_dev

bench: $(STAMP) ## measure every figure of the README's table beside its peers; Linux, with Node.js, in about ten minutes
	@$(BIN)/python -m bench

soak: $(STAMP) ## run 100,000 requests (REQUESTS=…) under faults and write docs/RELIABILITY.md, in about half an hour
	@$(BIN)/python -m tests.reliability $(REQUESTS)

fuzz: $(STAMP) ## fuzz for long: FUZZ_CASES (100000) bodies and addresses, every operation of openapi.json, and the body parser with atheris
	@FUZZ_CASES=$(FUZZ_CASES) $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 -m "fuzz or hypothesis" tests/api tests/openapi tests/security tests/unit
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	    || $(BIN)/python -m pip install --quiet --disable-pip-version-check $(ATHERIS) \
	    || uv pip install --quiet --python $(BIN)/python $(ATHERIS)
	@$(BIN)/python -m tests.security.fuzz_body_parser -runs=$(FUZZ_CASES) -max_len=4096 -artifact_prefix=.hypothesis/

lock: $(STAMP) ## compile requirements*.in into requirements*.txt, with the hash of every file that may be installed
	@for name in requirements requirements-migrate requirements-dev; do \
	    uv=$(BIN)/uv; [ -x $$uv ] || uv=uv; \
	    $$uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-strip-extras --custom-compile-command 'make lock' \
	        --no-emit-index-url --no-emit-find-links --output-file $$name.txt $$name.in || exit 1; \
	done

# A name on PATH may be a shim that does not run, or too old: each candidate is run before it is believed.
$(STAMP): $(wildcard requirements*.txt)
	@set -eu; \
	if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
	    rm -rf .venv; \
	    for python in $(PYTHON) python3.14 python3.13 python3.12 python3; do \
	        if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then \
	            $$python -m venv .venv; break; \
	        fi; \
	    done; \
	    if [ ! -x $(BIN)/python ]; then \
	        if ! command -v uv >/dev/null 2>&1; then \
	            echo 'There is no Python 3.12 or newer here: install it from https://www.python.org, or uv from https://docs.astral.sh/uv, and run make again.' >&2; \
	            exit 1; \
	        fi; \
	        uv venv --quiet --python 3.12 .venv; \
	    fi; \
	fi; \
	echo 'Installing what is pinned in requirements-dev.txt into .venv, once; that takes about a minute.' >&2; \
	if $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	    $(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt >&2; \
	else \
	    uv pip install --python $(BIN)/python -r requirements-dev.txt >&2; \
	fi; \
	touch $(STAMP)
