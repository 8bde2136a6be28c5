# `make help` lists the doors. Python 3.11 or newer with venv is all they need, unless a line says more.
PYTHON ?= python3
PORT ?= 8000
# More for pytest: make test ARGS="tests/test_compose.py -x"
ARGS ?=
VENV := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help run test faults check messages stack rolling timing weights passwords import-speed queue-speed \
	operations-speed lock fuzz coverage mutants

help: ## list the doors
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run-stamp: requirements.lock | .venv/bin/python
	$(VENV)/pip install --quiet --require-hashes -r requirements.lock
	touch $@

.venv/.dev-stamp: requirements-dev.lock | .venv/bin/python
	$(VENV)/pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@ .venv/.run-stamp

run: export DEBUG = 1
run: export BASE_URL = http://localhost:$(PORT)
run: .venv/.run-stamp ## serve the site at http://localhost:8000 on embedded defaults (PORT=8001 for another)
	@mkdir -p var
	@$(VENV)/python manage.py migrate --verbosity 0
	@$(VENV)/python manage.py compile_catalogues --verbosity 0
	@echo
	@echo "  The site          $(BASE_URL)/"
	@echo "  Its mail          $(BASE_URL)/mailbox/"
	@echo "  An administrator  DEBUG=1 .venv/bin/python manage.py createsuperuser"
	@echo "  Stop it           Ctrl-C"
	@echo
	@exec $(VENV)/python manage.py runserver localhost:$(PORT)

test: .venv/.dev-stamp ## run every test; names what is missing where Chromium or gettext is
	$(VENV)/python -m pytest -n auto --dist loadgroup $(ARGS)

faults: .venv/.dev-stamp ## try every fault on the real processes, print what was promised and measured (needs root, faketime)
	$(VENV)/python -m pytest -q -p no:randomly -p no:logging --tb=short --show-capture=no --session-timeout=1300 \
		$(or $(ARGS),tests/faults)

check: .venv/.dev-stamp ## linters, formatting, templates, migrations, deployment checks, the compose file
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/djlint --quiet --lint templates
	git ls-files -z -co --exclude-standard '*.py' | xargs -0 $(VENV)/django-upgrade --check --target-version 5.2
	DEBUG=1 DATABASE_URL=sqlite://:memory: $(VENV)/python manage.py makemigrations --check --dry-run
	DEBUG=1 DATABASE_URL=sqlite://:memory: $(VENV)/python -m tests.migration_rules
	$(VENV)/python -m tests.compose
	$(VENV)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

messages: .venv/.run-stamp ## bring our Arabic catalogue up to date with the sources (needs gettext)
	@command -v xgettext msgmerge >/dev/null || { echo "gettext is not installed (apt-get install gettext)"; exit 1; }
	DEBUG=1 $(VENV)/python manage.py makemessages --locale ar --no-obsolete --no-wrap --no-location \
		--ignore .venv --ignore var --ignore tests --ignore mutants
	@echo "locale/libraries/ar is written by hand: it holds only what we say otherwise than Django and allauth do."

stack: .venv/.dev-stamp ## the production processes on this machine, with generated keys (Ctrl-C stops them)
	@exec $(VENV)/python -m tests.stack --port $(PORT)

# How often both web services are replaced.
ROUNDS ?= 5
rolling: .venv/.dev-stamp ## replace both web services in turn under 20 requests a second and count what failed (needs nginx)
	$(VENV)/python -m tests.rolling --rounds $(ROUNDS)

timing: .venv/.dev-stamp ## measure sign-in over one hash, and known against unknown in every flow
	$(VENV)/python -m tests.timing

weights: .venv/.dev-stamp ## measure what the pages weigh, first visit and repeat view (needs Chromium)
	$(VENV)/python -m tests.weights

queue-speed: .venv/.dev-stamp ## measure the reviewers' pages at 10,000 and at 1,000,000 members
	$(VENV)/python -m tests.queue_speed

# Events that operations-speed makes.
EVENTS ?= 1000000
operations-speed: .venv/.dev-stamp ## measure the operations page at 1,000,000 members and EVENTS events; 300 ms at most
	$(VENV)/python -m tests.operations_speed --events $(EVENTS)

passwords: .venv/.dev-stamp ## count what the password rule refuses and accepts
	$(VENV)/python -m tests.common_passwords

# How many submissions, and which.
N ?= 10000
SEED ?= 1
fuzz: .venv/.dev-stamp ## send N hostile submissions to every form there is (N=10000 SEED=1)
	FUZZ_SUBMISSIONS=$(N) FUZZ_SEED=$(SEED) $(VENV)/python -m pytest tests/test_fuzz.py -q -p no:randomly -p no:logging --tb=short

coverage: .venv/.dev-stamp ## run the tests and measure what they reach, branches too; 95 % must be
	rm -f .coverage .coverage.*
	$(VENV)/python -m coverage run -m pytest -q -n auto --dist loadgroup --ignore tests/browser $(ARGS)
	$(VENV)/python -m coverage combine --quiet
	$(VENV)/python -m coverage report

# Some modules alone: make mutants MODULES=accounts/limits.py
MODULES ?=
mutants: .venv/.dev-stamp ## change the code that guards accounts bit by bit and see that a test notices
	$(VENV)/python -m tests.mutants $(MODULES)

# Rows that import-speed makes and imports.
ROWS ?= 1000000
import-speed: .venv/.dev-stamp ## import a registry of ROWS rows into a fresh PostgreSQL, twice; rate and memory
	$(VENV)/python -m tests.import_speed --rows $(ROWS)

# Neither the index nor local folders may stand in a lock: it is the same on every machine.
# UPGRADE=--upgrade takes the newest versions; without it the locked ones are kept.
UPGRADE ?=
COMPILE = UV_NO_CONFIG=1 $(VENV)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

lock: ## write requirements.lock (runtime) and requirements-dev.lock (runtime and tests)
	@test -x $(VENV)/uv || $(MAKE) .venv/.dev-stamp
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock
	@! grep -nE 'https?:|file:' requirements.lock requirements-dev.lock
