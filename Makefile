# Every target makes its own virtual environment first, once. Needs Python 3.11 or newer, or PYTHON=/path/to/one.

PRESET ?= quick
SUBJECT ?=
METHODS ?=
ARGS ?=
comma := ,
VENV := .venv
BIN := $(VENV)/bin
NEWEST := python3 python3.14 python3.13 python3.12 python3.11
IS_NEW := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in $(NEWEST); do if $$p $(IS_NEW) 2>/dev/null; then echo $$p; break; fi; done)
NEW := new-method new-dataset new-benchmark new-evaluation new-backbone
TESTS := $(BIN)/python -m pytest -n auto --dist
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

.PHONY: help run-all tune calibrate costs report test tests test-all coverage bench lint clean $(NEW)

help:  ## what there is
	@echo "make run-all                  train, measure and decide everything, on data that ships with the dependencies"
	@echo "make run-all PRESET=standard  the same on ten data sets, MNIST and CIFAR-10 among them (downloaded once)"
	@echo "make run-all SUBJECT=my_idea  the verdicts about your method; METHODS=a,b for a few; ARGS='...' for the rest"
	@echo "make tune                     the same number of trials for every method, on validation data; 'run-all' then uses what is chosen"
	@echo "make calibrate                published numbers under their published protocols, on MNIST (hours)"
	@echo "make costs                    CPU time of training with each objective, one after the other: leave the machine alone meanwhile"
	@echo "make report                   rebuild the report of every results folder, without training"
	@echo "make test                     linters, types and the tests: minutes"
	@echo "make test-all                 what 'make test' leaves out: simulations, built documents, browsers: half an hour"
	@echo "make coverage                 how many of the lines of each folder the tests of 'make test' run"
	@echo "make lint                     ruff, mypy, and which room imports which"
	@echo "make bench                    speed, against the libraries a user would pick instead"
	@echo "make new-method NAME=my_idea  a commented plug-in file that already runs and passes 'infomax-bench check';"
	@echo "                              KIND=loss, state, update, fit or labels says which hooks it shows"
	@echo "make new-dataset NAME=my_idea   likewise, and new-benchmark, new-evaluation, new-backbone"

run-all: $(VENV)/.installed  ## the main job
	@$(BIN)/infomax-bench run --preset $(PRESET) $(if $(SUBJECT),--subject $(SUBJECT)) $(if $(METHODS),--methods $(METHODS)) $(ARGS)

tune: $(VENV)/.installed  ## equal tuning
	@$(BIN)/infomax-bench tune $(subst $(comma), ,$(METHODS)) --preset $(PRESET) $(ARGS)

calibrate: $(VENV)/.installed  ## what run-all leaves out
	@$(BIN)/infomax-bench run replication --preset standard $(ARGS)

costs: $(VENV)/.installed  ## what is timed alone, on a machine that has nothing else to do
	@$(BIN)/infomax-bench run cost --alone --preset $(PRESET) $(ARGS)

report: $(VENV)/.installed  ## from results alone
	@$(BIN)/infomax-bench report $(ARGS)

test: $(VENV)/.installed-test  ## all that takes minutes, side by side; what is left out is counted as deselected
	@$(MAKE) --no-print-directory -j2 lint tests

tests: $(VENV)/.installed-test  ## without the linters
	@$(TESTS) loadfile $(ARGS)

test-all: $(VENV)/.installed-test  ## what `make test` leaves out
	@$(TESTS) load --maxschedchunk 1 -m slow $(ARGS)  # the longest two are not one worker's

coverage: $(VENV)/.installed-test  ## of the tests of `make test`: lines run, in percent
	@$(TESTS) loadfile --cov --cov-report= $(ARGS)
	@for folder in infomax_bench/*/ benchmarks/ datasets/ methods/ ""; do \
		printf '%4s %%  %s\n' "$$($(BIN)/coverage report --format=total --include="$$folder*")" "$${folder:-all}"; done

lint: $(VENV)/.installed-test  ## what pre-commit runs
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@rooms=$$($(BIN)/lint-imports --no-cache --no-logo) || { echo "$$rooms"; exit 1; }

bench: $(VENV)/.installed-test
	@mkdir -p results/speed
	@$(BIN)/python -m pytest benchmarks/speed --benchmark-json=results/speed/benchmark.json $(ARGS)

$(NEW): $(VENV)/.installed  ## a plug-in's file, to begin with
	@$(if $(NAME),,$(error NAME is missing: make $@ NAME=my_idea))$(BIN)/infomax-bench $@ $(NAME) $(if $(KIND),--kind $(KIND))

clean:  ## the environment and caches, never results
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info

$(VENV)/.made:
	@$(if $(PYTHON),,$(error needs Python 3.11 or newer; install one, or name it: make PYTHON=/path/to/python3.12))true
	@$(PYTHON) $(IS_NEW) || { echo "needs Python 3.11 or newer, and $(PYTHON) is older; name another: make PYTHON=..." >&2; exit 2; }
	@echo "setting up $(VENV) with $(PYTHON) (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made pyproject.toml constraints.txt
	@$(PIP) -e .[test]
	@touch $@ $(VENV)/.installed
