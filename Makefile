# Two commands: `make demo` runs the main job on embedded defaults, `make test` runs every test.
PY ?= python3
BIN := .venv/bin
# More than a small machine has cores: many tests wait for something to happen.
WORKERS ?= 3
SERVERS := postgresql dovecot-imapd chromium openssl libatomic1

.PHONY: demo test coverage lint types check bench fuzz servers lock translations clean

# pip installs into an environment from outside it, so neither python3-venv nor a writable system Python is needed.
.venv/.ok: pyproject.toml requirements.lock
	$(PY) -m venv --without-pip .venv
	$(PY) -m pip -q --python $(BIN)/python install 'uv>=0.13,<1'
	VIRTUAL_ENV=.venv $(BIN)/uv pip install -q -c requirements.lock -e '.[postgres,demo]' --group dev
	touch $@

demo: .venv/.ok
	$(BIN)/mailconsent demo $(if $(ONCE),--once)

test: .venv/.ok servers
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

coverage: .venv/.ok servers
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term

lint: .venv/.ok
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/.ok
	$(BIN)/mypy

check: lint types test
	$(MAKE) demo ONCE=1

bench: .venv/.ok servers
	$(BIN)/python -m benchmarks $(BENCH)

# FUZZ: folders with .eml files as further seeds, and options; see `python -m tests.fuzz --help`.
fuzz: .venv/.ok
	$(BIN)/python -m tests.fuzz $(FUZZ)

# PostgreSQL, Dovecot and Chromium for the tests, from Debian packages.
servers:
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && [ -x /usr/sbin/dovecot ] && [ -x /usr/bin/chromium ] \
	   && command -v openssl >/dev/null && [ -e "$$(ls -d /usr/lib/*/libatomic.so.1 2>/dev/null | head -1)" ]; then exit 0; fi; \
	 if [ "$$(id -u)" = 0 ]; then AS=; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then AS=sudo; \
	 else echo "The tests need these Debian packages, and neither root nor sudo is at hand: apt-get install $(SERVERS)" >&2; exit 1; fi; \
	 $$AS apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$AS apt-get install -y -qq --no-install-recommends $(SERVERS) >/dev/null

# The lock holds names and versions only, never where they came from.
lock:
	VIRTUAL_ENV=.venv $(BIN)/uv pip compile -q --universal --no-header --no-annotate --all-extras --group dev pyproject.toml -o requirements.lock

translations: .venv/.ok
	$(BIN)/pybabel compile -d web/translations

clean:
	rm -rf .venv
