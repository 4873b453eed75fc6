# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
OLDEST ?= python3.11
BIN := .venv/bin
# Fits run side by side in processes; more threads inside each would fight for the same cores.
export OMP_NUM_THREADS := 1

.PHONY: demo extract-demo check test test-long test-floors lint docs bench bench-days bench-extract bench-batch bench-compare bench-intervals bench-domain bench-app bench-predict bench-growth clean

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

check: lint
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test: lint
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell

# Longer visits by a browser, and an extraction that is killed again and again: 20 minutes.
test-long: .venv/done
	$(BIN)/pytest -n 2 --dist loadfile -m long

# The oldest Python and the lowest versions that pyproject.toml allows: quick tests, without a browser.
# Old versions may warn about each other.
test-floors: .venv-floors/done
	.venv-floors/bin/pytest -n 2 --dist loadfile -m "not slow" --ignore tests/browser $(addprefix -W default::,$(WARNINGS))

WARNINGS := DeprecationWarning PendingDeprecationWarning FutureWarning

.venv-floors/done: pyproject.toml
	$(OLDEST) -m venv --clear .venv-floors
	.venv-floors/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-floors/bin/uv pip install --quiet --python .venv-floors --resolution lowest-direct --editable ".[test]"
	touch $@

# What the packages offer, in build/docs/index.html. The names of airq are loaded when they are asked for.
docs: .venv/done
	mkdir -p build/template
	echo '{% extends "default/module.html.jinja2" %}' > build/template/module.html.jinja2
	echo '{% block title %}{{ module.modulename }} $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' airq/__init__.py){% endblock %}' >> build/template/module.html.jinja2
	$(BIN)/python -c 'import airq; vars(airq).update({name: getattr(airq, name) for name in airq.__all__}); \
	  from pdoc.__main__ import cli; cli()' \
	  --docformat numpy --template-directory build/template --output-directory build/docs airq imbalance

bench: .venv/done
	$(BIN)/python tests/benchmarks/bench_shifts.py

bench-days: .venv/done
	$(BIN)/python tests/benchmarks/bench_days.py

bench-extract: .venv/done
	$(BIN)/python tests/benchmarks/bench_extract.py

bench-batch: .venv/done
	$(BIN)/python tests/benchmarks/bench_batch.py

bench-compare: .venv/done
	$(BIN)/python tests/benchmarks/bench_compare.py

bench-intervals: .venv/done
	mkdir -p demo
	$(BIN)/python tests/benchmarks/bench_intervals.py --out demo/intervals.jsonl

bench-domain: .venv/done
	$(BIN)/python tests/benchmarks/bench_applicability.py

bench-app: .venv/done
	$(BIN)/python tests/benchmarks/bench_app.py

bench-predict: .venv/done
	$(BIN)/python tests/benchmarks/bench_predict.py

# Ten minutes; ROWS="1000 100000 1000000" for others.
bench-growth: .venv/done
	$(BIN)/python tests/benchmarks/bench_growth.py $(if $(ROWS),--rows $(ROWS))

clean:
	rm -rf .venv .venv-floors build dist demo *.egg-info
