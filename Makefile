# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Fits run side by side in processes; more threads inside each would fight for the same cores.
export OMP_NUM_THREADS := 1

.PHONY: demo extract-demo test test-long check bench bench-extract bench-compare bench-intervals bench-domain bench-app clean

.venv/done: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch $@

demo: .venv/done
	$(BIN)/airq demo --out demo

# A simulated Earth Engine on this machine serves the extraction: no account, no internet.
extract-demo: .venv/done
	$(BIN)/airq cities --country UGA,KEN --min-population 500000 --out demo/cities.csv
	PYTHONPATH=tests $(BIN)/python -m earthengine_server -- $(BIN)/airq extract --cities demo/cities.csv \
	  --start 2020-01-01 --end 2020-01-30 --out demo/features \
	  --ee-url {url} --ee-credentials anonymous --ee-project demo

check: .venv/done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test: .venv/done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pytest -n 2 --dist loadfile

# Longer visits by a browser, and an extraction that is killed again and again: 20 minutes.
test-long: .venv/done
	$(BIN)/pytest -n 2 --dist loadfile -m long

bench: .venv/done
	$(BIN)/python tests/benchmarks/bench_shifts.py

bench-extract: .venv/done
	$(BIN)/python tests/benchmarks/bench_extract.py

bench-compare: .venv/done
	$(BIN)/python tests/benchmarks/bench_compare.py

bench-intervals: .venv/done
	mkdir -p demo
	$(BIN)/python tests/benchmarks/bench_intervals.py --out demo/intervals.jsonl

bench-domain: .venv/done
	$(BIN)/python tests/benchmarks/bench_applicability.py

bench-app: .venv/done
	$(BIN)/python tests/benchmarks/bench_app.py

clean:
	rm -rf .venv build dist demo *.egg-info
