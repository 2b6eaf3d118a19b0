# Two commands do everything on a fresh machine: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
ROS_PACKAGES := $(wildcard ros2_ws/src/*)
MESSAGES := $(shell find ros2_ws/src/perl_msgs -type f)
# Nothing of ours listens or speaks beyond this machine unless the caller says so.
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST
export AMENT_PREFIX_PATH := $(VENV)
export ORT_DISABLE_TELEMETRY ?= 1

.PHONY: help setup demo evaluate test test-search lint results clean bench-layers bench-train bench-loop bench-replay bench-emulator faults fuzz-emulator
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.messages  ## Make .venv: pinned packages, ROS 2 from wheels, our messages

$(VENV)/.packages: constraints.txt pyproject.toml setup.py $(wildcard ros2_ws/src/*/setup.py)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools wheel
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation \
	  -e '.[robot,security,ros,ros-build,sim,train,results,browser,dev]'
	$(PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps \
	  $(foreach package,perl_safety perl_control perl_replay perl_bringup,-e ros2_ws/src/$(package))
	touch $@

$(VENV)/.messages: $(VENV)/.packages $(MESSAGES) tools/build_messages.sh
	tools/build_messages.sh $(VENV)
	touch $@

test: setup  ## Run all tests
	$(PY) -m pytest -q -n 2 --dist loadscope -m 'not alone' tests
	$(PY) -m pytest -q -m alone tests

test-search: setup  ## Search for counterexamples: property tests with new random examples
	$(PY) -m pytest -q -n 2 --dist loadscope -m 'not alone' --hypothesis-profile search \
	  $$(grep -rl 'from hypothesis' tests --include='test_*.py')

lint: setup  ## Check style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyright

demo: setup  ## Reach 20 goals with the emulated arm and write a report
	$(PY) -m perl_bringup.demo $(if $(BUNDLE),--bundle '$(BUNDLE)')

evaluate: setup  ## Judge a recording and write a page beside it: make evaluate BAG=bags/mine
	@test -n '$(BAG)' || { echo 'which recording? make evaluate BAG=bags/mine' >&2; exit 2; }
	$(PY) -m perl_replay evaluate '$(BAG)' --partial --html $(ARGUMENTS)

results: setup  ## Rebuild tables and figures of both experiments from their raw figures
	$(PY) sim/gridworld_results.py
	$(PY) sim/reach_results.py

bench-layers: setup  ## Time every kind of network against a plain MLP; run it alone
	$(PY) sim/benchmark_layers.py $(ARGUMENTS)

bench-train: $(VENV)/.bench  ## Time a step of SAC and PE-SAC, with learning, against another library's SAC; run it alone
	$(PY) sim/benchmark_train.py $(ARGUMENTS)

$(VENV)/.bench: $(VENV)/.messages
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt stable_baselines3
	touch $@

bench-replay: setup  ## Measure judging and recording: speed, memory, cost, loss; BAG=... for one of yours
	$(PY) -m perl_replay.bench '$(or $(BAG),tests/bags/reach)' $(ARGUMENTS)

bench-loop: setup  ## Measure the control loop at 500 Hz against its bars; run it alone
	$(PY) -m perl_control.bench_loop $(ARGUMENTS)

bench-emulator: setup  ## Measure the emulated controller in real time; run it alone
	$(PY) -m perl_sim.ur_controller.bench $(ARGUMENTS)

faults: setup  ## Cause every fault of the fault matrix and judge the stack; run it alone
	$(PY) sim/faults.py $(ARGUMENTS)

fuzz-emulator: setup  ## Attack every port of the emulated controller for a while
	$(PY) -m perl_sim.ur_controller.fuzz $(ARGUMENTS)

clean:  ## Remove everything that was built, recordings excepted
	rm -rf .venv .colcon .pytest_cache .ruff_cache .hypothesis
