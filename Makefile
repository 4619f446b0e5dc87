# The two commands a newcomer needs are `make demo` and `make test`; each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench docs tools real-tools lock release-check image-check publish clean

help:  ## show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# Two stamps, so that the demo need not wait for the tests' tools.
$(VENV)/runtime.stamp: requirements/runtime.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=…")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/runtime.lock
	touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp requirements/dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

demo: $(VENV)/runtime.stamp  ## run the exporter on a simulated Browsertrix, with Prometheus and alerts
	tests/install-tools --demo || true
	$(BIN)/python -m exporter demo $(ARGS)

test: $(VENV)/dev.stamp tools lint  ## install what the tests need, and run all of them
	$(BIN)/python -m compileall -q exporter  # hundreds of processes import it, and may not write it
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal $(ARGS)

lint: $(VENV)/dev.stamp  ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp  ## measure the speed claims, both sides in one run
	$(BIN)/python -m benchmarks $(ARGS)
	$(BIN)/python -m benchmarks.sources $(ARGS)
	$(BIN)/python -m benchmarks.usage
	$(BIN)/python -m benchmarks.organisations
	$(BIN)/python -m benchmarks.peer $(ARGS)
	$(BIN)/python -m benchmarks.rules $(ARGS)

docs: $(VENV)/dev.stamp  ## generate docs, alert rules, dashboards and manifests from what declares them
	$(BIN)/python -m exporter metrics --format=markdown > docs/metrics.md
	$(BIN)/python -m exporter.commands.documentation > docs/configuration.md
	$(BIN)/python -m exporter rules > alerts/browsertrix.rules.yaml
	$(BIN)/python -m exporter rules --format=prometheusrule > alerts/prometheusrule.yaml
	$(BIN)/python -m exporter.rules.documentation > docs/alerts.md
	$(BIN)/python -m dashboards
	$(BIN)/python -m deploy
	$(BIN)/python -m exporter.commands.notifications --configuration http://notifications:8002 > deploy/compose/alertmanager.yml

tools:  ## fetch Prometheus and Alertmanager from the distribution's packages, if not installed
	tests/install-tools

real-tools:  ## build the newest Prometheus, Alertmanager, etcd, kube-apiserver and more, with Go
	tools/build $(ARGS)
	tools/crds

lock: $(VENV)/dev.stamp  ## renew the pinned requirements: hashes, no addresses
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --upgrade \
	  --custom-compile-command 'make lock' pyproject.toml --output-file requirements/runtime.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --upgrade \
	  --custom-compile-command 'make lock' --constraint requirements/runtime.lock \
	  --group dev pyproject.toml --output-file requirements/dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --upgrade \
	  --custom-compile-command 'make lock' --constraint requirements/dev.lock \
	  --group build --output-file requirements/build.lock

release-check: $(VENV)/dev.stamp  ## all of a release but publishing; dist/ then has what is published
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(BIN)/python -m tools.release_check $(ARGS)

image-check: $(VENV)/dev.stamp  ## build the image twice with docker or podman, and compare its layers
	$(BIN)/python -m tools.image_check $(ARGS)

publish:  ## hand dist/ to the package index: the release workflow does, which the index knows
	$(PYTHON) -m pip install --quiet uv==$(UV_VERSION)
	$(PYTHON) -m uv publish dist/*.whl dist/*.tar.gz

clean:  ## remove everything that was generated here
	rm -rf $(VENV) .tools .demo build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
