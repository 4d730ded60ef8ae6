# Everything runs in .venv, which is created again only when pyproject.toml or setup.py changes. `make test-on` creates
# one more for another Python: .venv-3.12.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNS := $(VENV)/.runs
PIP := -m pip --disable-pip-version-check --no-input
# Dependency groups came with pip 25.1. setuptools warns of every editable install.
DEVELOP := PYTHONWARNINGS='ignore:Editable installation'
GROUPS := -q -e '.[mcp]' --group dev
# A test waits most of its time, the more so where it starts programs: so many workers keep a processor busy.
UNITS = $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 2)
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 5)
# Bytecode is written whatever the environment says: each worker would compile pytest anew.
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest --dist worksteal -m 'not soak'

.PHONY: help run test test-on test-in test-installed test-packages fidelity fuzz soak soak-short fix check bench pyz install uninstall clean

help:
	@echo 'make run        the session "main" in this terminal; without a terminal, a demonstration'
	@echo 'make test       what sesh does (ARGS="-k name" selects tests); INSTALL=1 installs the programs that they drive'
	@echo 'make test-on    the unit tests on another Python, if this machine has it (VERSION=3.12)'
	@echo 'make test-in    the same in a root of a Debian release, as root (SUITE=sid: newer Pythons; bullseye: a host with 3.9)'
	@echo 'make test-installed  tests/smoke and tests/terminal with the wheel, installed in an environment of its own'
	@echo 'make fidelity   how exactly screens are restored, judged by an independent emulator'
	@echo 'make fuzz       random and grammar-made input for all that takes bytes (MINUTES=5); failures become seeds'
	@echo 'make soak       slow tests and many rounds of others, then 50 sessions in use for an hour (HOURS=0.5: for half of one)'
	@echo 'make soak-short  the slow tests once, but those of slow terminals, and sessions in use for some minutes'
	@echo 'make fix        format the code, and write every generated file: manual page, docs/JSON.md, pictures'
	@echo 'make check      ruff, its formatter, mypy --strict, the directions of imports, and tests/house'
	@echo 'make bench      sesh beside tmux, screen and dtach: docs/BENCHMARKS.md'
	@echo 'make pyz        write sesh.pyz: one file that any Python from 3.10 on runs, with nothing installed'
	@echo 'make install    install ~/.local/bin/sesh: with pipx, with uv, or in an environment of its own'
	@echo 'make uninstall  remove that again, once no session runs; says what else stays'
	@echo 'make clean      remove everything that make created in this directory'

# What sesh itself needs, and no more: `make run` is soon there.
$(RUNS): pyproject.toml setup.py .ci/venv.sh install/isolate.sh
	@echo 'installing what sesh needs into $(VENV) (once, about a minute)…'
	@sh .ci/venv.sh $(VENV)
	@$(DEVELOP) $(BIN)/python $(PIP) install -q -e .
	@sh install/isolate.sh $(VENV)
	@touch $@

$(STAMP): $(RUNS)
	@$(BIN)/python $(PIP) install -q 'pip>=25.1'
	$(DEVELOP) $(BIN)/python $(PIP) install $(GROUPS)
	@sh install/isolate.sh $(VENV)
	@touch $@

$(VENV)-%/.installed: pyproject.toml setup.py .ci/venv.sh install/isolate.sh
	@PYTHON='$(or $(PYTHON),python$*)' sh .ci/venv.sh $(@D)
	@$(@D)/bin/python $(PIP) install -q 'pip>=25.1'
	$(DEVELOP) $(@D)/bin/python $(PIP) install $(GROUPS)
	@sh install/isolate.sh $(@D)
	@touch $@

run: $(RUNS)
	@if [ -t 0 ] && [ -t 1 ]; then env -u MAKELEVEL -u MAKEFLAGS -u MFLAGS -u MAKE_TERMOUT -u MAKE_TERMERR $(BIN)/sesh main; \
	    if $(BIN)/sesh --local status main >/dev/null 2>&1; then \
	        echo '`make run` goes back to it; `make install` gives you the command sesh'; fi; \
	else exec sh tools/tour.sh; fi

test-packages: $(STAMP)
	@sh tests/packages.sh
	@sh tests/fidelity/packages.sh
	@sh tests/shells/packages.sh

# What sesh is comes first. The others are in two runs: what the second one starts is a fork of its workers, which are
# smaller without what the first one loads.
test: test-packages
	@# In a new clone each worker would compile all of it.
	@[ -d tests/terminal/__pycache__ ] || $(PYTEST) -q --collect-only >/dev/null
ifeq ($(ARGS),)
	$(PYTEST) -n $(UNITS) tests/unit tests/fuzz
	$(PYTEST) -n $(WORKERS) tests/smoke tests/faults tests/fidelity tests/remote tests/shells tests/slow tests/terminal
else
	$(PYTEST) -n $(WORKERS) --ignore=tests/house $(ARGS)
endif

# Without such a Python, in PATH or of pyenv, there is nothing to test.
FOUND = $(shell for each in python$(VERSION) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$(VERSION).*/bin/python; do \
    "$$each" -c 'import ensurepip, venv' 2>/dev/null && echo "$$each" && break; done)
test-on:
	@if [ -n '$(FOUND)' ]; then $(MAKE) -s $(VENV)-$(VERSION)/.installed PYTHON='$(FOUND)' && \
	    $(VENV)-$(VERSION)/bin/pytest -q -n 2 -m 'not soak' -o cache_dir=$(VENV)-$(VERSION)/.cache tests/unit; \
	else echo 'make test-on: no Python $(VERSION) here'; fi

# The root is made once, in two minutes, and stays in ~/.cache/sesh-roots. The table of set-ups of shells takes half an hour.
test-in: $(STAMP)
	@sh .ci/test-in.sh $(or $(SUITE),$(error make test-in SUITE=sid, or another release of Debian))

# Each sesh is an interpreter there, not a fork of the tests, and takes ten times as long to start: fewer workers.
test-installed: test-packages
	@$(BIN)/python -m tests.support.installed $(VENV)/wheel
	SESH_UNDER_TEST=$(CURDIR)/$(VENV)/wheel/bin/sesh $(PYTEST) -q -n $(UNITS) tests/smoke tests/terminal

fidelity: test-packages
	LONG=1 $(BIN)/pytest -q tests/fidelity
	@$(BIN)/python -m tests.fidelity

soak: test-packages
	@sh tests/desktop/packages.sh
	LONG=1 $(BIN)/pytest -q -m soak tests
	LONG=1 $(BIN)/pytest -q -m 'not soak' $$(grep -rlE '\brounds\b|@given' tests --include='test_*.py')
	$(BIN)/python -m bench.soak --hours $(or $(HOURS),1) $(ARGS)

# What .ci/run takes of it: each test once, with few rounds.
soak-short: test-packages
	@# `make soak` has the tables of slow terminals, which wants a machine of its own, and of shells, which takes long, and
	@# the programs that want a desktop, which are 1 GB.
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -q -n $(UNITS) --dist worksteal -m soak --ignore=tests/slow --ignore=tests/shells --ignore=tests/desktop tests
	$(BIN)/python -m bench.soak --hours 0.05 --sessions 20

fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz all --minutes $(or $(MINUTES),5) $(ARGS)

fix: $(STAMP)
	$(BIN)/python -m tools.generated
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy -p sesh
	$(BIN)/mypy tests bench examples tools setup.py
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pytest -q -m 'not soak' tests/house

bench: $(STAMP)
	@for tool in tmux screen dtach; do command -v $$tool >/dev/null || sh .ci/packages.sh $$tool || true; done
	$(BIN)/python -m bench --markdown docs/BENCHMARKS.md $(ARGS)

pyz: $(RUNS)
	@$(BIN)/python -c 'from sesh.remote.deploy.bundle import build; open("sesh.pyz", "wb").write(build().archive)'
	@echo 'made: $(CURDIR)/sesh.pyz'

install:
	@EXTRAS='$(EXTRAS)' FORCE='$(FORCE)' sh install/install.sh

uninstall:
	@FORCE='$(FORCE)' sh install/uninstall.sh

clean:
	rm -rf $(VENV) $(VENV)-* tests/*/node_modules build/lib build/bdist.* *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
