# Every target sets itself up: a .venv in the checkout, re-used while pyproject.toml is unchanged, and Debian packages
# where they are missing and may be installed. `make` with no target lists the targets.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
# Tests that run side by side: most of them wait, for sound and for time to pass.
TEST_WORKERS ?= 2

# What the talker needs, and what only the tests and benchmarks need.
RUN_DEBIAN := libportaudio2 libasound2-plugins
TEST_DEBIAN := $(RUN_DEBIAN) pulseaudio pulseaudio-utils codec2 espeak-ng flite libopus0 libspeex1 libopencore-amrnb0 \
  chromium chromium-driver strace mosquitto dbus-daemon zsh fish iproute2
FIELD_DEBIAN := $(TEST_DEBIAN) direwolf socat

BENCH_BARE := warpq==1.5.2 pyvad==0.2.0 resemblyzer==0.1.4 distillmos==0.9.1 xls-r-sqa==0.1.0

.PHONY: help run test bench gallery train-setup test-train lint setup clean pictures debian-run debian-test

help:
	@echo "make run          talk to the parrot (headless without a terminal)"
	@echo "make test         ruff, mypy and the tests; needs no torch"
	@echo "make fuzz         a million inputs, guided by coverage, into everything that reads from a link; then 100,000"
	@echo "                  sequences of frames, in any order, against a whole station"
	@echo "make mutants      small mistakes made in transport/ one by one: how many do its tests notice?"
	@echo "make soak         8 hours of overs, faults, restarts and attacks in virtual time"
	@echo "make bench        words, nature, quality and speed beside Codec2, Speex, AMR and Opus; brings PyTorch"
	@echo "make bench-channel what a channel with 10, 100 and 1000 listeners costs an MQTT broker"
	@echo "make gallery      ten sentences through each codec, to hear and to see: bench-results/gallery"
	@echo "make field-test   conversations over real modems, serial lines and thin networks, in real time"
	@echo "make train-setup  add PyTorch (CPU build) and the training tools to $(VENV)"
	@echo "make test-train   the tests of the training pipeline, on a tiny synthesised corpus"
	@echo "make page         ten sentences through each codec, as a page for the browser: bench-results/page.html"
	@echo "make pictures     the README's pictures, from the running program"
	@echo "make lint         ruff and mypy"
	@echo "make setup        everything that 'make test' needs, and nothing run"
	@echo "make clean        remove $(VENV) and what the tools cached"

run: debian-run $(VENV)/.ready-run
	@$(BIN)/gossamer

test: setup lint browser-runtime
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal \
	  --basetemp "$$(mktemp -d /tmp/gXXXX)/t" $(PYTEST_ARGS) # short: a control socket's path has 108 bytes at most

field-test: $(VENV)/.ready-dev
	@bash .ci/debian-packages.sh $(FIELD_DEBIAN)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m field $(PYTEST_ARGS)

.PHONY: field-test

lint: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: debian-test $(VENV)/.ready-bench $(VENV)/.ready-bench-bare
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

.PHONY: bench-channel
bench-channel: debian-test $(VENV)/.ready-dev
	@$(BIN)/python -m tests.benchmarks.channel $(LISTENERS)

# Three times eight hours of two stations in virtual time, twice with an attacker: half an hour on one core.
.PHONY: soak
soak: setup
	@SOAK_HOURS=8 $(BIN)/python -m pytest tests/system/test_soak.py -s $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.ready-fuzz
	@$(BIN)/python -m tests.fuzz $(FUZZ_INPUTS)
	@$(BIN)/python -m tests.fuzz.station $(FUZZ_SEQUENCES)

# Drawn evenly from all modules; MUTANTS='--each 0' runs all of them, for hours. Goes on where it was interrupted.
.PHONY: mutants
mutants: $(VENV)/.ready-mutants
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.tools.mutants $(MUTANTS)

gallery: debian-test $(VENV)/.ready-bench
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.benchmarks.gallery $(GALLERY_ARGS)

train-setup: debian-test $(VENV)/.ready-train

test-train: train-setup $(VENV)/.ready-dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m training $(PYTEST_ARGS)

# The README's pictures, taken from the running program: talk screen, link account, link lab, packets looked at.
pictures: setup
	$(BIN)/python -m tests.tools.screenshots assets/talk.svg assets/bandwidth.svg assets/lab.svg
	$(BIN)/gossamer inspect assets/clips/gossamer.flac --png assets/inspect.png

# onnxruntime-web as the lock file pins it, for the page and its tests; without npm they go on without.
NPM := build/npm
.PHONY: page browser-runtime
browser-runtime:
	@command -v npm >/dev/null || bash .ci/debian-packages.sh npm
	@cmp -s app/listening_page/npm/package-lock.json $(NPM)/.ready || { mkdir -p $(NPM) && cp app/listening_page/npm/*.json $(NPM)/ && \
	  (cd $(NPM) && npm ci --ignore-scripts --no-audit --no-fund --silent) && cp $(NPM)/package-lock.json $(NPM)/.ready; } || \
	  echo "No onnxruntime-web (going on without): is npm there, and the network?" >&2

PAGE_LINKS := --link afsk1200 --link hc-12 --link wifi
page: debian-test $(VENV)/.ready-run browser-runtime
	@mkdir -p bench-results
	@$(BIN)/gossamer compare --out bench-results/page.html $(PAGE_LINKS) --browser $(NPM)/node_modules/onnxruntime-web

setup: debian-test $(VENV)/.ready-dev

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Gossamer needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Could not make $(VENV): install Python's venv module (Debian: apt-get install python3-venv)." >&2; exit 2; }

# The stamps are newer than pyproject.toml as long as what it asks for is installed.
$(VENV)/.ready-run: pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) ..." && $(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.ready-%: pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) ($*) ..." && $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@ $(VENV)/.ready-run

debian-run:
	@bash .ci/debian-packages.sh $(RUN_DEBIAN)

# Their own requirements would bring webrtcvad without a wheel (resemblyzer, pyvad), transformers (xls-r-sqa) and a
# torchaudio that does not load beside this PyTorch (distillmos); what of them is used needs none of these, and the extra
# "bench" has the rest.
$(VENV)/.ready-bench-bare: $(VENV)/.ready-bench
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(BENCH_BARE)
	@touch $@

debian-test:
	@bash .ci/debian-packages.sh $(TEST_DEBIAN)
