# The road:      up, train, bento, image, release, traffic, scale, observe, down
#                of the model MODEL, a folder of bentos/: make up MODEL=credit
# The workshop:  setup, test, lint, e2e, torture, torture-baseline, torture-faults, torture-artefact, torture-operator, torture-doctor, torture-ground,
#                torture-cluster, torture-alerts, torture-chart, score, oracle, oracle-live, oracle-faults, oracle-ratchet, simulate, live, capacity, shapes, bench, bench-quick, generate, models, verify, lock
MODEL ?= iris
PYTHON ?= python3
BIN := .venv/bin
EKIBEN := $(BIN)/ekiben
E2E := $(BIN)/python -m pytest tests/e2e -p no:randomly --timeout 900
.DEFAULT_GOAL := help
.PHONY: help up train bento image release traffic scale observe down \
        setup test test-pod test-rest lint e2e e2e-cluster torture torture-baseline torture-faults torture-artefact torture-operator torture-doctor torture-ground torture-cluster torture-alerts torture-chart score oracle oracle-live oracle-faults oracle-ratchet simulate live capacity shapes bench \
        bench-quick generate models verify lock clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  %-16s %s\n", $$1, $$2}'

# ---- the road -------------------------------------------------------------
up: setup ## everything: set up, find or make a cluster, walk the road, let load scale it
	@$(EKIBEN) road $(MODEL)

train: setup ## 1 data, an estimator -> a model artefact
	@$(EKIBEN) train $(MODEL)

bento: setup ## 2 a model tag -> a bento
	@$(EKIBEN) bento $(MODEL)

image: setup ## 3 a bento tag -> an image by digest, in a registry
	@$(EKIBEN) image $(MODEL)

release: setup ## 4 an image -> a Helm revision that verified itself
	@$(EKIBEN) release $(MODEL)

traffic: setup ## 5 a prediction from the released model
	@$(EKIBEN) predict $(MODEL)

scale: setup ## 6 an open-loop load that makes it scale
	@$(EKIBEN) loadtest $(MODEL)

observe: setup ## 7 what is: replicas, rate, errors, latency
	@$(EKIBEN) status $(MODEL)

down: setup ## take the local cluster away, without a trace
	@$(EKIBEN) cluster down

# ---- the workshop ---------------------------------------------------------
setup: .venv/.done ## .venv with the locked packages and ekiben itself

.venv/.done: requirements/dev.txt requirements/uv.txt pyproject.toml tools/setup
	@PYTHON=$(PYTHON) tools/setup

lint: setup ## style, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: setup ## lint, verify, and all tests that need neither root nor a cluster, on two cores
	@$(MAKE) --no-print-directory -j2 test-pod test-rest

test-pod: setup ## the tests of the pod's process alone
	$(BIN)/python -m pytest tests/serving

test-rest: lint verify
	$(BIN)/python -m pytest tests/unit tests/chart tests/repo tests/rules

e2e: setup ## the road on a real cluster; fails without one (EKIBEN_CONTEXT, or `ekiben cluster up`)
	$(E2E) -m alone; alone=$$?; $(E2E) -m "not alone" -n 2 --dist loadfile --no-loadscope-reorder && exit $$alone

torture: setup ## kill, drain, starve, flood and fuzz the pod; goes on where it stopped (about 85 minutes)
	$(BIN)/python -m tests.torture.pod run --target ekiben; status=$$?; $(BIN)/python tools/generate.py; exit $$status

torture-baseline: setup ## the same for stock `bentoml serve`
	$(BIN)/python -m tests.torture.pod run --target bentoml; status=$$?; $(BIN)/python tools/generate.py; exit $$status

torture-faults: setup ## seed faults into a copy of the tree; the tests must see them
	$(BIN)/python -m tests.torture.pod faults; status=$$?; $(BIN)/python tools/generate.py; exit $$status

torture-artefact: setup ## kill train, bento, image and the store's commands; tamper with artefacts; time the seal (about 30 minutes)
	$(BIN)/python -m tests.torture.artefact; status=$$?; $(BIN)/python tools/generate.py; exit $$status

torture-operator: setup ## seed faults into the command line, road, diagnosis and release; their tests must see them
	$(BIN)/python -m tests.torture.operator

torture-doctor: setup ## break a release on a real cluster in every way; doctor must name each link (EKIBEN_CONTEXT; about 20 minutes)
	$(BIN)/python -m pytest tests/torture/test_doctor_torture.py -p no:randomly --timeout 3600 -s

torture-ground: setup ## kill `cluster up` at random, repair, take down, compare the machine
	$(BIN)/python -m pytest tests/torture/test_ground_torture.py -p no:randomly --timeout 3600

torture-cluster: setup ## releases, rollbacks, scale cycles, evictions, kills on a cluster, under load; goes on where it stopped (about 3 h 40 min)
	$(BIN)/python -m tests.torture.cluster run; status=$$?; $(BIN)/python tools/generate.py; exit $$status

torture-alerts: setup ## faults on a cluster of its own, the right alert and no other; goes on where it stopped (about 40 minutes)
	$(EKIBEN) cluster up --name alerts
	EKIBEN_CONTEXT=ekiben-alerts $(BIN)/python -m tests.torture.alerts; status=$$?; $(BIN)/python tools/generate.py; $(EKIBEN) cluster down --name alerts; exit $$status

oracle: setup ## compare the HPA's arithmetic with upstream's controller, 1,000,000 cases; goes on where it stopped (about 10 minutes; needs Go)
	$(BIN)/python -m tests.oracles.hpa_compare run

oracle-live: setup ## play traces before a real kube-controller-manager and compare its decisions; goes on where it stopped (about 8 minutes; needs Go and Debian)
	$(BIN)/python -m tests.oracles.closed_loop run; status=$$?; $(BIN)/python tools/generate.py; exit $$status

oracle-faults: setup ## inject metric faults before a real kube-controller-manager, against the true demand; goes on where it stopped (about 15 minutes; needs Go and Debian)
	$(BIN)/python -m tests.oracles.metric_faults run; status=$$?; $(BIN)/python tools/generate.py; exit $$status

oracle-ratchet: setup ## roll Deployments out again and again before a real kube-controller-manager; see whether replicas drift (about 6 minutes; needs Go and Debian)
	$(BIN)/python -m tests.oracles.ratchet run; status=$$?; $(BIN)/python tools/generate.py; exit $$status

simulate: setup ## autoscalers under synthetic traffic, the whole table; goes on where it stopped (about 3 hours)
	$(BIN)/python -m benchmarks.simulation run; status=$$?; $(BIN)/python tools/generate.py; exit $$status

live: setup ## autoscalers in turn on a real cluster, steps of 3x, live against simulated; goes on where it stopped (EKIBEN_CONTEXT; about 4 hours, 7 with KEDA)
	$(BIN)/python -m tests.live run; status=$$?; $(BIN)/python tools/generate.py; exit $$status

capacity: setup ## C* of ten models against runs of 15 minutes, and 100 repeats; goes on where it stopped (about 5 hours; needs a quiet machine)
	$(BIN)/python -m benchmarks.capacity run; status=$$?; $(BIN)/python -m benchmarks.capacity report; exit $$status

shapes: setup ## C* of models on one core and on two, in turns; goes on where it stopped (about 35 minutes; needs a quiet machine)
	$(BIN)/python -m benchmarks.shapes run; status=$$?; $(BIN)/python -m benchmarks.shapes report; exit $$status

score: setup ## the chart before helm lint, kube-score, checkov and the schemas of three Kubernetes versions, beside charts of others
	$(BIN)/python -m tests.torture.chart score; status=$$?; $(BIN)/python tools/generate.py; exit $$status

torture-chart: setup ## 2,000 random value sets before schemas and an API server, and seeded faults in the chart; goes on where it stopped (about 25 minutes)
	$(EKIBEN) cluster up --name chart
	$(BIN)/python -m tests.torture.chart sets && EKIBEN_CONTEXT=ekiben-chart $(BIN)/python -m tests.torture.chart server && $(BIN)/python -m tests.torture.chart faults; status=$$?; $(BIN)/python tools/generate.py; $(EKIBEN) cluster down --name chart; exit $$status

bench: setup ## the product beside its peers, all figures of docs/benchmarks.md; carries on where it stopped
	$(BIN)/python -m benchmarks run
	$(BIN)/python -m benchmarks report

bench-quick: setup ## four servers, two models, one row; prints its tables
	$(BIN)/python -m benchmarks run --quick
	$(BIN)/python -m benchmarks report --results out/benchmarks/quick.jsonl --text

generate: setup ## write every generated file but the model reports
	$(BIN)/python tools/generate.py

models: setup ## train each bento whose report in docs/models is stale, and write the report
	$(BIN)/python tools/models.py

verify: setup ## fail if a generated file is stale
	$(BIN)/python tools/generate.py --check

lock: setup ## resolve requirements anew
	tools/lock

clean: ## remove what the workshop left in this folder
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache out
