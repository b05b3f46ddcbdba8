# The commands of this project. Each makes .venv from requirements.lock when it is missing or stale.
# Looked up before .venv/bin comes first in PATH: the environment is not to be made by the one it replaces.
ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell command -v python3.11 || command -v python3)
endif
VENV := .venv
PINS := requirements.lock pyproject.toml
STAMP := $(VENV)/installed-from

# Test files run side by side, one more than there are cores, since some wait rather than compute; four at most: each
# worker loads torch.
WORKERS := $(shell cores=$$(env -u OMP_NUM_THREADS nproc 2>/dev/null || echo 2); echo $$((cores < 3 ? cores + 1 : 4)))

# Jobs find python, prunebench and snakemake of this environment, whatever is activated outside.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
# Of `make paper`: a folder of papers/, and which of its grids; embedded needs neither the hub nor a GPU, config both.
GRID := embedded
PAPERS := $(patsubst papers/%/tables.yaml,%,$(wildcard papers/*/tables.yaml))

.PHONY: help leaderboard paper board test lint bench docs environment clean review site

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

leaderboard: environment ## run config/config.yaml: fetch, prune, evaluate, report
	snakemake --cores all --quiet reason
	@echo
	@echo "leaderboard  $(CURDIR)/reports/leaderboard.html  (open it in a browser)"
	@echo "tables       $(CURDIR)/reports/tables"
	@echo "figures      $(CURDIR)/reports/figures"
	@echo "all numbers  $(CURDIR)/results/metrics.csv"

paper: environment ## PAPER=stade: run a paper's grid (GRID=embedded) and make its PDF, ours beside the published
	@test -f 'papers/$(PAPER)/$(GRID).yaml' || { \
	    echo 'make paper: papers/$(PAPER)/$(GRID).yaml is not there; say PAPER= one of $(PAPERS), GRID=embedded or config'; \
	    exit 2; }
	@command -v pdflatex > /dev/null || { \
	    echo 'make paper: pdflatex is not there; install TeX Live (Debian: texlive-latex-extra, lmodern), or make all but' \
	    'the PDF: snakemake --cores all --configfile papers/$(PAPER)/$(GRID).yaml'; \
	    exit 2; }
	snakemake --cores all --quiet reason --configfile papers/$(PAPER)/$(GRID).yaml -- all reports/papers/$(PAPER).pdf
	@echo
	@echo "document     $(CURDIR)/reports/papers/$(PAPER).pdf"
	@echo "page         $(CURDIR)/reports/papers/$(PAPER).html"

board: environment ## pages of the published results, without computing any
	prunebench board

# What the methods of a branch are held against, and a file for the review as markdown.
BASE ?= origin/main
SUMMARY ?=
export BASE SUMMARY # never pasted into a command line

review: environment ## check and try the methods that this branch adds or changes, as its pull request does
	prunebench review --against "$$BASE" $(if $(SUMMARY),--summary "$$SUMMARY")

site: docs board ## documentation and board as one folder of pages, build/site
	rm -rf build/site
	mkdir -p build/site
	cp -R build/docs/. build/site
	cp -R reports/board build/site/board

test: lint ## lint, then the test suite
	pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: environment ## style, types and workflow checks
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

bench: environment ## time and memory: of one cell, of what grows with the cells; what estimates rest on
	python -m benchmarks.scale
	python -m benchmarks.cell
	python -m benchmarks.rates

.PHONY: docs # a folder of this name is there
docs: environment ## the documentation, into build/docs
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict
	@echo "documentation  $(CURDIR)/build/docs/index.html"

# Compared by content, not by time: a checkout changes times only. The stamp is written last, so an
# interrupted installation is finished by the next call.
environment: ## make .venv, if it is missing or stale
	@cat $(PINS) | cmp -s - $(STAMP) || $(MAKE) --no-print-directory PYTHON='$(PYTHON)' $(STAMP)

.PHONY: $(STAMP)
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=")'
	@echo "making $(VENV) from requirements.lock (some minutes)"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -qq --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@cat $(PINS) > $(STAMP)

clean: ## delete results, but for published ones, and reports (not .venv)
	if [ -d results ]; then find results -mindepth 1 -maxdepth 1 ! -name published -exec rm -rf {} +; fi
	rm -rf reports .snakemake
