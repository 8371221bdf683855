# Two commands set everything up on a fresh machine: `make run` and `make test`.
# The rest are the same steps that .ci/run takes, one by one.

# The first Python that starts and is new enough; `make PYTHON=... test` takes another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV ?= .venv
BENCH_VENV ?= .venv-bench
HTTPX2_VENV ?= .venv-httpx2
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# Stamps: a step is repeated when pyproject.toml changes, not at every call.
CREATED := $(VENV)/.stamp-created
INSTALLED := $(VENV)/.stamp-installed
DEV := $(VENV)/.stamp-dev
SOAK := $(VENV)/.stamp-soak
BENCH := $(BENCH_VENV)/.stamp-installed
HTTPX2 := $(HTTPX2_VENV)/.stamp-installed

.DEFAULT_GOAL := help
.PHONY: help run serve test python-test ruby-test test-httpx2 gem lint types coverage conformance build check bench soak clean

help:
	@echo 'run          install, then drive the example service from a second process'
	@echo 'serve        the example service, until interrupted'
	@echo 'test         all tests: python-test, ruby-test'
	@echo 'test-httpx2  the tests of the client, where httpx2 stands in for httpx'
	@echo 'ruby-test    the tests of the gem, where Ruby is'
	@echo 'gem          the gem, into dist'
	@echo 'check        lint, types, test, coverage, conformance, build'
	@echo 'lint types coverage conformance build      the parts of check'
	@echo 'bench        the codec, calls, servers, listings and blobs; peers in an environment of their own'
	@echo 'soak         mutation tests and long fuzzing'
	@echo 'clean        remove what these commands made'

run: $(INSTALLED)
	$(BIN)/python examples/tour.py

serve: $(INSTALLED)
	$(BIN)/python examples/service.py

test: python-test ruby-test

# A file stays in one process, so that what its tests share is made once; tests/conftest.py says which
# go first. Four processes, even on two cores: many tests wait for a limit of time to pass.
python-test: $(DEV)
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# The client's own suite, with an httpx2 that has nothing of httpx beside it.
test-httpx2: $(HTTPX2)
	$(HTTPX2_VENV)/bin/python -m pytest -q -n 4 $(wildcard \
		tests/test_adapters.py tests/test_aio*.py tests/test_client*.py \
		tests/test_proxies.py tests/test_transport*.py tests/test_raw_blobs.py tests/test_call.py \
		tests/test_envelope*.py tests/test_addresses.py tests/test_moved.py tests/test_versions.py)

# The gem needs Ruby 3.1 or later, and its tests minitest, which comes with most Rubies.
ruby-test:
	@if ruby -e 'require "minitest"; exit RUBY_VERSION >= "3.1"' >/dev/null 2>&1; then set -x; ruby -w ruby/run_tests.rb; \
	else echo 'not run here: the tests of the gem in ruby/: install Ruby 3.1 or later and minitest'; test -z "$(COMPLETE)"; fi

gem:
	mkdir -p dist
	cd ruby && gem build --quiet hyperglyph.gemspec && mv hyperglyph-*.gem ../dist

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(DEV)
	$(BIN)/mypy -p hyperglyph
	$(BIN)/mypy tests
	$(BIN)/pyright --pythonpath $(BIN)/python

# What the vectors reach does not count: the codec's unit tests alone must take every branch.
coverage: $(DEV)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q $(wildcard tests/test_codec_*.py)
	$(BIN)/coverage report --fail-under=100

# Every client, server and codec that is here, and a library in another language. COMPLETE=1: what
# cannot run is a failure; the two libraries of 2012 are nowhere, and never are.
conformance: $(DEV)
	$(BIN)/python -m hyperglyph.conformance matrix --html build/conformance.html $(if $(COMPLETE),--complete)
	@if command -v ruby >/dev/null; then set -x; mkdir -p build; \
		$(BIN)/python -m hyperglyph.conformance run --known tests/ruby_library/known.txt \
			-- ruby conformance/testees/ruby_2012.rb tests/ruby_library >build/ruby.txt || \
		{ cat build/ruby.txt; exit 1; }; tail -n 2 build/ruby.txt; \
	else echo 'not run here: tests/ruby_library: install Ruby'; test -z "$(COMPLETE)"; fi

# From an empty build folder: setuptools packs whatever an earlier build has left there.
build: $(DEV)
	rm -rf build/lib* build/bdist* dist
	$(BIN)/python -m build --outdir dist .

check: lint types test coverage conformance build

bench: $(BENCH)
	$(BENCH_VENV)/bin/python benchmarks/codec.py $(BENCH_ARGS)
	$(BENCH_VENV)/bin/python benchmarks/calls.py
	$(BENCH_VENV)/bin/python benchmarks/servers.py
	$(BENCH_VENV)/bin/python benchmarks/listing.py
	$(BENCH_VENV)/bin/python benchmarks/blobs.py
	@if command -v ruby >/dev/null; then set -x; ruby ruby/benchmarks/codec.rb; else echo 'not run here: ruby/benchmarks: install Ruby'; fi

soak: $(SOAK)
	$(BIN)/python tools/mutation.py
	$(BIN)/python tools/soak.py
	HYPERGLYPH_SOAK=1 $(BIN)/python -m pytest -q tests/test_vectors.py \
		tests/test_persistent_processes.py tests/test_deploy_balancer.py tests/test_faults*.py \
		tests/test_conformance_wrong*.py tests/test_ruby_codec.py
	@if command -v ruby >/dev/null; then set -x; ruby -w ruby/test/hostile.rb 1000000; else echo 'not run here: ruby/test/hostile.rb: install Ruby'; fi
	$(BIN)/python tests/fuzz/fuzz_codec.py 600
	$(BIN)/python tests/fuzz/guided.py 600

clean:
	rm -rf build dist $(VENV) $(BENCH_VENV) $(HTTPX2_VENV) hyperglyph.egg-info .coverage .hypothesis

$(CREATED):
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or later is needed: make PYTHON=/path/to/python3 ...'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(INSTALLED): $(CREATED) pyproject.toml
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(DEV): $(CREATED) pyproject.toml
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $(INSTALLED) $@

$(HTTPX2): pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or later is needed: make PYTHON=/path/to/python3 ...'; exit 1; }
	$(PYTHON) -m venv $(HTTPX2_VENV)
	$(HTTPX2_VENV)/bin/python -m pip install -q attrs cheroot httpx2 pytest pytest-xdist redis sniffio \
		trustme
	$(HTTPX2_VENV)/bin/python -m pip install -q --no-deps -e .
	$(HTTPX2_VENV)/bin/python -c 'import importlib.util as u; assert not u.find_spec("httpx")'
	@touch $@

$(SOAK): $(DEV) pyproject.toml
	$(BIN)/python -m pip install -q -e '.[dev,soak]'
	@touch $@

$(BENCH): benchmarks/requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or later is needed: make PYTHON=/path/to/python3 ...'; exit 1; }
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install -q -r benchmarks/requirements.txt -e .
	@touch $@
