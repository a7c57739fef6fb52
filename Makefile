# Needs Python >= 3.11 and make, nothing else: everything is installed into .venv beside this file.

PYTHON ?= python3
BIN := .venv/bin
WEEK := --start 2025-07-14 --days 7 --force

# Two test workers and a threaded solver would fight for the same cores.
export OMP_NUM_THREADS ?= 1

.PHONY: help run test slow soak check typed links docs figures clean

help:
	@echo 'make run    a summer week of the Naples community with both controllers, and how they compare'
	@echo 'make test   the tests (about as long as a coffee); make slow runs the long ones'
	@echo 'make soak   killed runs and fuzzed files in full: the better part of an hour'
	@echo 'make docs   the pages in docs/ as a site: site/index.html'
	@echo 'make check  formatter, linter, type checker, spelling'
	@echo 'make clean  remove .venv, site/ and what the tools leave behind; runs/ stays'

run: .venv/.ready
	@echo
	@echo '== Naples, 14 to 20 July 2025, every device by its own rules'
	$(BIN)/recosim run naples --controller rules $(WEEK) --out runs/week-rules.h5
	@echo
	@echo '== The same week, steered by model predictive control'
	$(BIN)/recosim run naples --controller mpc $(WEEK) --out runs/week-mpc.h5
	@echo
	@echo '== What the controller changes'
	$(BIN)/recosim compare runs/week-rules.h5 runs/week-mpc.h5
	@echo
	@echo 'Results: runs/week-rules.h5 and runs/week-mpc.h5'
	@echo 'The whole year: $(BIN)/recosim run naples --controller mpc'

test: .venv/.ready-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not slow'

slow: .venv/.ready-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m slow

# Kills and fuzzing in full; make test and make slow do a tenth of them.
soak: .venv/.ready-dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup --soak tests/soak

check: .venv/.ready-dev typed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

docs: .venv/.ready-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo 'site/index.html'

# What docs/validation.md shows; WEATHER is the file of Denver that `recosim validate bestest` asks for.
figures: .venv/.ready
	for name in tabula climate households; do $(BIN)/recosim validate $$name --json docs/figures/$$name.json; done
	for name in bestest irradiation; do \
	  $(BIN)/recosim validate $$name --weather '$(WEATHER)' --json docs/figures/$$name.json; done

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'recosim needs Python >= 3.11; name one with: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/.ready: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.ready-docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch .venv/.ready $@

.venv/.ready-dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch .venv/.ready .venv/.ready-docs $@

# mypy names a module by its path, and four of our folders are mapped: it reads a tree of links, named as we import.
typed: .venv/.ready-dev links
	$(BIN)/mypy

links:
	rm -rf .venv/typings
	mkdir -p .venv/typings/recosim
	ln -s $(CURDIR)/recosim/* $(addprefix $(CURDIR)/,simulators controllers scenarios results) .venv/typings/recosim

clean:
	rm -rf .venv site build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
