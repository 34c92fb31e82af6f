# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

# The few commands that a person needs; `make help` lists them.

PYTHON ?= python3
# Make's own environment. Not in .venv: that name belongs to editors, and tox
# may write a file of that name (PEP 832).
OWN := .make
TOX := $(OWN)/bin/tox
# The tools speak, tox does not: so pytest's summary is the last that is seen.
TOX_RUN := $(TOX) run -qq
# Two at a time; what one of them prints is seen where it fails.
TOX_PAIRS := $(TOX) run-parallel -qq --parallel 2 --parallel-no-spinner
# They need one core each, and nothing of each other.
CHECKS := pep8,package,disks,guest,docs,releasenotes

.DEFAULT_GOAL := help
export HYPERVISOR INSTALL WORKFLOWS
.PHONY: help demo demo-reset test test-long test-all clean environments hypervisor truth bench \
	constraints dist pep8 docs releasenotes
# Tests and the demo share folders and ports: one thing at a time.
.NOTPARALLEL:

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{printf "%-18s%s\n", $$1, $$2}'

# HYPERVISOR=qemu: real guests, as root; INSTALL=1 installs what that needs.
# WORKFLOWS=1: with Mistral.
demo: $(if $(filter qemu,$(HYPERVISOR)),hypervisor,environments) $(if $(WORKFLOWS),.tox/workflows/ready)  ## Start the demo cloud with the panel (Ctrl-C ends it)
	@exec $(OWN)/bin/python -m tests.cloud up

demo-reset: $(TOX)  ## Forget the demo's data: the next start seeds afresh
	@$(OWN)/bin/python -m tests.cloud reset

# Root gets what the tests need from Debian installed; others are told.
test: $(TOX)  ## Run every check, and all tests but the long ones
	@$(OWN)/bin/python -m tests.tools browser disk
	@echo "Installing what the tests need (first time: minutes)"
	@$(TOX_PAIRS) --notest -e $(CHECKS),audit,py3,functional,cloud,dashboard
	$(TOX_PAIRS) -e $(CHECKS)
	$(TOX_RUN) -e audit
	$(TOX_RUN) -e py3
	@$(MAKE) --no-print-directory environments
	$(TOX_RUN) -e functional

test-long: environments  ## Run the tests of pages that take a minute each
	@$(OWN)/bin/python -m tests.tools browser disk
	$(TOX_RUN) -e functional -- -m long tests/functional tests/browser

# The table in doc/source/series.csv is rewritten by this.
test-all: test test-long  ## Run both, and the unit tests on each series of Horizon
	@exec $(OWN)/bin/python -m tests.series

# One step of `make test` alone (and before a commit: .pre-commit-config.yaml).
pep8 docs releasenotes: $(TOX)
	$(TOX_RUN) -e $@

# As root; INSTALL=1 installs what that needs, SHORT=1 takes a few minutes,
# REPEAT=3 plays all of it three times; CONTINUE=1 goes on with a run that was
# ended, or on which something broke.
truth: hypervisor  ## Judge the panel's verdicts by the disks of real guests
	@exec .tox/dashboard/bin/python -m tests.truth $(if $(SHORT),--short) \
		$(if $(REPEAT),--repeat $(REPEAT)) $(if $(CONTINUE),--continue)

# SHORT=1: fewer rounds, fewer sizes, a few minutes.
bench: environments  ## Measure the pages against Horizon's own
	@$(OWN)/bin/python -m tests.tools browser disk
	$(TOX_RUN) -e bench -- $(if $(SHORT),--short)

# FILES="tests/constraints.txt ...": the newest versions of what each of these
# files says that it is made from; by default that of the tests.
constraints: $(TOX)  ## Renew the pinned versions
	@$(OWN)/bin/python -m tests.constraints $(FILES)

# Of what is committed; twine and check-wheel-contents look at it.
dist: $(TOX)  ## Build what a release uploads, in dist/
	$(TOX_RUN) -e dist

clean:  ## Remove what make, tox and the tests made
	rm -rf $(OWN) .tox .demo build dist doc/build releasenotes/build \
		htmlcov test-results results .coverage .coverage.* \
		.pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The demo's two environments, rebuilt when what they install has changed.
# The mark lies inside: half made or deleted, an environment has none.
environments: .tox/cloud/ready .tox/dashboard/ready

.tox/cloud/ready: tests/cloud/requirements-cloud.txt tox.ini $(TOX)
	@echo "1 of 2: installing OpenStack's services (first time: minutes)"
	@$(TOX_RUN) --notest -e cloud
	@touch $@

.tox/dashboard/ready: tests/cloud/requirements-dashboard.txt tox.ini \
		setup.cfg setup.py $(TOX)
	@echo "2 of 2: installing Horizon with this plugin (first time: minutes)"
	@$(TOX_RUN) --notest -e dashboard
	@touch $@

.tox/workflows/ready: tests/cloud/requirements-workflows.txt tox.ini $(TOX)
	@echo "Installing Mistral (first time: minutes)"
	@$(TOX_RUN) --notest -e workflows
	@touch $@

# Debian's packages come first: Nova's bindings for libvirt are built here.
hypervisor: $(TOX)
	@$(OWN)/bin/python -m tests.cloud.hypervisor
	@$(MAKE) -s --no-print-directory .tox/hypervisor/ready .tox/dashboard/ready

.tox/hypervisor/ready: tests/cloud/requirements-hypervisor.txt \
		tests/cloud/requirements-cloud.txt tox.ini $(TOX)
	@echo "Installing OpenStack's services for libvirt (first time: minutes)"
	@$(TOX_RUN) --notest -e hypervisor
	@touch $@

# Debian has Python without venv: then there is one package to install, which
# root gets without asking (a container), and others are told of.
$(TOX): tests/requirements-tox.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing python3-venv"; \
			apt-get update -q && apt-get install -qy python3-venv; \
		else \
			echo "make: this Python has no venv; on Debian:" \
				"apt-get install python3-venv" >&2; exit 1; \
		fi; }
	@echo "Making $(OWN) with tox"
	@$(PYTHON) -m venv --clear $(OWN)
	@$(OWN)/bin/pip install -q -r tests/requirements-tox.txt
	@touch $@
