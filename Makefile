# Every target sets up what it needs by itself; a second call finds it done.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

# The machine's own certificates, as pip has them: some networks have an authority of their own.
export UV_SYSTEM_CERTS := true

.PHONY: run test test-long case serve app lint bench doctor lock audit sbom clean
.DEFAULT_GOAL := run

run: $(READY)
	@$(PY) flows/similarity.py

test: $(READY)
	@$(PY) -m pytest

# What takes minutes each and is no part of the suite: whole flows on a cluster, on the real files, killed while training.
test-long: $(READY)
	@$(PY) -m pytest -m long

# make case NAME=ices QUESTION="How many ices are sold on a day of this temperature?"
case: $(READY)
	@$(PY) -m tasks.platform.new_case "$$NAME" --question="$$QUESTION"

serve: $(READY)
	@$(PY) deployments/serve.py

app: $(READY)
	@$(PY) -m tasks.app

lint: $(READY)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo

bench: $(READY)
	@$(PY) benchmarks/run.py

doctor: $(READY)
	@$(PY) -m tasks.platform.doctor

# Known weaknesses of the pinned packages; says so where the advisory service cannot be reached.
audit: $(READY)
	@$(PY) -m tasks.platform.audit

# Bill of materials (CycloneDX: packages, versions, licences, who needs whom) of what is installed from the pins.
sbom: $(READY)
	@$(PY) -m cyclonedx_py environment --pyproject pyproject.toml --output-reproducible --validate \
		--output-format JSON --output-file sbom.cdx.json $(PY) && echo sbom.cdx.json

# Pins with hashes for every platform and Python version, without the address of any registry.
lock: $(READY)
	@$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--group dev pyproject.toml --output-file requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Casebook needs Python 3.11 to 3.13; name one with: make PYTHON=python3.12"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Python's venv module is not complete; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (once, a few minutes) ..."
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@$(PY) -m uv pip sync --quiet --python $(PY) --require-hashes --compile-bytecode requirements.lock \
		|| { echo "uv does not get through; trying pip, which takes longer ..."; \
		$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	@$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@echo "Preparing the databases of Prefect and MLflow ..."
	@$(PY) -m tasks.publishing.registry
	@$(PY) -m tasks.platform.server prepare
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info src/*.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
