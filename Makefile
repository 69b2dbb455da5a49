# make demo | test | test-long | check | reports | bench | sbc | mutants | lock
# Nothing need be done before: each target makes .venv when it is not there.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench
MUTANTS := .venv-mutants
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help demo test test-long check reports bench sbc mutants schemas lock clean

help:
	@echo "make demo       run configs/coin.yaml and configs/kidiq.yaml and print their results"
	@echo "make test       run the tests"
	@echo "make test-long  run the tests that take longer (marked slow)"
	@echo "make check      ruff, mypy, import-linter, wheel contents, doctests"
	@echo "make reports    render the sample reports in reports/"
	@echo "make sbc        calibrate the models in models/ by simulation"
	@echo "make bench      measure against other libraries (BENCH_FLAGS=--quick to see that it runs)"
	@echo "make mutants    mutation testing of models, config and exact"

$(VENV)/requirements.stamp: requirements.txt .ci/find-python
	@python="$$(.ci/find-python)" || exit 1; \
	"$$python" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.txt
	@touch $@

$(VENV)/package.stamp: $(VENV)/requirements.stamp pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(VENV)/package.stamp
	$(BIN)/bayescope run configs/coin.yaml configs/kidiq.yaml

test: $(VENV)/package.stamp
	$(THREADS) $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-long: $(VENV)/package.stamp
	$(THREADS) $(BIN)/python -m pytest -n 2 --dist loadfile -m slow

check: $(VENV)/package.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_wheel.py
	$(THREADS) $(BIN)/python -m pytest -q --doctest-modules src/bayescope tests/test_docs.py

reports: $(VENV)/package.stamp
	$(BIN)/python reports/render.py

# The peers have an environment of their own: none of them is a dependency.
$(BENCH)/package.stamp: benchmarks/requirements.txt .ci/find-python pyproject.toml
	@python="$$(.ci/find-python)" || exit 1; \
	"$$python" -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --require-hashes --requirement benchmarks/requirements.txt
	$(BENCH)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

bench: $(BENCH)/package.stamp
	$(THREADS) $(BENCH)/bin/python -m benchmarks $(BENCH_FLAGS)

sbc: $(VENV)/package.stamp
	$(THREADS) $(BIN)/python -m benchmarks.calibration

$(MUTANTS)/package.stamp: .ci/mutants.txt requirements.txt .ci/find-python pyproject.toml
	@python="$$(.ci/find-python)" || exit 1; \
	"$$python" -m venv --clear $(MUTANTS)
	$(MUTANTS)/bin/python -m pip install --quiet --require-hashes --requirement requirements.txt --requirement .ci/mutants.txt
	$(MUTANTS)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

mutants: $(MUTANTS)/package.stamp
	$(THREADS) $(MUTANTS)/bin/python .ci/mutants.py $(MUTANTS_FLAGS)

schemas: $(VENV)/package.stamp
	$(BIN)/python .ci/write_schemas.py

lock:
	uv pip compile --universal --python-version 3.12 --extra dev --generate-hashes --no-emit-index-url --quiet \
	  pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.12 --extra sklearn --generate-hashes --no-emit-index-url --quiet \
	  pyproject.toml benchmarks/requirements.in -o benchmarks/requirements.txt
	uv pip compile --universal --python-version 3.12 --generate-hashes --no-emit-index-url --quiet \
	  -c requirements.txt .ci/mutants.in -o .ci/mutants.txt

clean:
	rm -rf $(VENV) $(BENCH) $(MUTANTS) dist runs mutants
