# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Fits run side by side in processes; more threads inside each would fight for the same cores.
export OMP_NUM_THREADS := 1

.PHONY: demo test check bench clean

.venv/done: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@

demo: .venv/done
	$(BIN)/airq demo --out demo

check: .venv/done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pytest -m "not slow"

test: .venv/done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pytest

bench: .venv/done
	$(BIN)/python tests/benchmarks/bench_shifts.py

clean:
	rm -rf .venv build dist demo *.egg-info
