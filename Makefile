# nfs-provisioner: `make help` says what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Go, the cluster and buildah keep things at home. Where there is no home that they could use, they get one here.
HOME_USABLE := $(shell [ "$${HOME:-}" ] && [[ "$$HOME" = /* && "$$HOME" != *[[:space:],=]* ]] && mkdir -p "$$HOME" 2>/dev/null && [ -w "$$HOME" ] && echo yes)
ifneq ($(HOME_USABLE),yes)
export HOME := $(shell home=$$(getent passwd "$$(id -u)" | cut -d: -f6); if [ -n "$$home" ] && [ -w "$$home" ]; then echo "$$home"; else mkdir -p $(CURDIR)/out/home && echo $(CURDIR)/out/home; fi)
endif

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.0.0-unknown)
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The name of the image that is built and tested.
IMAGE    ?= docker.io/library/nfs-provisioner:local
# Architectures of build-all.
ARCHES   ?= amd64 arm64 arm ppc64le s390x
# Nodes of the test cluster.
NODES    ?= 2
# More flags for every go test, such as -v or -run, and for the end-to-end tests alone.
GOTESTFLAGS ?=
E2EFLAGS ?=

# What a release is called where only a semantic version will do: the tag without its v, or one below all tags.
RELEASE  := $(shell [[ '$(VERSION)' =~ ^v?[0-9]+\.[0-9]+\.[0-9]+ ]] && echo '$(VERSION)' | sed 's/^v//' || echo '0.0.0-g$(VERSION)' | tr -c 'a-zA-Z0-9.\n-' -)
# Where release puts its files, and the image that push pushes, such as registry.example.com/nfs-provisioner.
DIST     ?= out/dist
REPOSITORY ?=

GOLANGCI_VERSION := v2.15.0
GOLANGCI := out/tools/golangci-lint-$(GOLANGCI_VERSION)
ACTIONLINT_VERSION := v1.7.12
ACTIONLINT := out/tools/actionlint-$(ACTIONLINT_VERSION)
CYCLONEDX_VERSION := v1.10.0
CYCLONEDX := out/tools/cyclonedx-gomod-$(CYCLONEDX_VERSION)
KUBE_SCORE_VERSION := v1.20.0
KUBE_SCORE := out/tools/kube-score-$(KUBE_SCORE_VERSION)
GOVULNCHECK_VERSION := v1.9.0
GOVULNCHECK := out/tools/govulncheck-$(GOVULNCHECK_VERSION)
HELM     := out/bin/helm
CLUSTER  := out/bin/cluster
CHART    := charts/nfs-provisioner
GO_DIRS  := cmd internal test
HOSTARCH := $(shell go env GOARCH 2>/dev/null)
GO_BUILD := go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"
# A module of its own, since it builds all of Kubernetes.
IN_CLUSTER_MODULE := cd test/cluster &&
# Likewise, for the plots and for etcd's client.
IN_BENCH_MODULE := cd test/e2e/bench &&

# A run of chaos: how long faults come, how many claims are made, and the seed of an earlier run to do it again.
DURATION ?= 10m
CLAIMS   ?= 2000
SEED     ?=

# Flags of the benchmark, such as --quick or --only.
BENCHFLAGS ?=

export IMAGE NODES GOTESTFLAGS E2EFLAGS

# Nothing needs cgo but the race detector. Without it everywhere else, what the modules have in common is compiled once.
export CGO_ENABLED := 0

##@ To begin with

.PHONY: help
help: ## Say what there is (this)
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Variables: VERSION, IMAGE, ARCHES, DIST, REPOSITORY, NODES, GOTESTFLAGS, DURATION, CLAIMS and SEED (of chaos),"
	@echo "BENCHFLAGS, KEEP_CLUSTER=1 (e2e, chaos and bench leave their cluster up)."

.PHONY: demo
demo: packages cluster-build image ## Show it at work in a cluster made for it, and leave that up
	@test/demo/demo.sh

.PHONY: test
test: ## Everything, from the packages it needs to the end-to-end tests; leaves no cluster
	@.ci/stages

##@ Build

.PHONY: packages
packages: $(CLUSTER) ## Install the Debian packages that are missing
	@.ci/packages
	@$(CLUSTER) packages

.PHONY: build
build: ## The program, for this machine: out/bin/nfs-provisioner
	$(GO_BUILD) -o out/bin/nfs-provisioner ./cmd/nfs-provisioner

.PHONY: build-all
build-all: ## The program, for every architecture: out/bin/nfs-provisioner-linux-ARCH
	@for arch in $(ARCHES); do \
		echo "building for linux/$$arch"; \
		GOOS=linux GOARCH=$$arch $(GO_BUILD) -o out/bin/nfs-provisioner-linux-$$arch ./cmd/nfs-provisioner; \
	done

.PHONY: image
image: ## The image, as an archive to load into a cluster: out/nfs-provisioner.tar
	@VERSION='$(VERSION)' REVISION='$(REVISION)' ARCH='$(HOSTARCH)' .ci/image

##@ Check

.PHONY: fmt-check
fmt-check: ## All Go code is formatted
	@unformatted=$$(gofmt -l $(GO_DIRS)); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w does it):"; echo "$$unformatted"; exit 1; fi

.PHONY: vet
vet: ## go vet, of all code with and without the end-to-end tests, and for each architecture where types differ
	go vet ./...
	go vet -tags e2e ./...
	@for arch in $(ARCHES); do echo "GOARCH=$$arch go vet ./internal/share"; GOARCH=$$arch go vet ./internal/share; done
	$(IN_CLUSTER_MODULE) go vet .
	$(IN_BENCH_MODULE) go vet ./...

.PHONY: lint
lint: $(GOLANGCI) $(ACTIONLINT) ## golangci-lint, as .golangci.yml says, and actionlint of the workflows
	$(ACTIONLINT) -shellcheck= -pyflakes=
	$(GOLANGCI) run ./...
	cd test/e2e/bench && $(CURDIR)/$(GOLANGCI) run ./...

.PHONY: unit
unit: ## The tests of the packages, with the race detector, and those of the test cluster's and the benchmark's programs
	CGO_ENABLED=1 go test -race $(GOTESTFLAGS) $$(go list ./... | grep -v -e /test/chart$$ -e /test/e2e$$)
	$(IN_CLUSTER_MODULE) go test $(GOTESTFLAGS) .
	$(IN_BENCH_MODULE) go test $(GOTESTFLAGS) ./...

.PHONY: docs
docs: ## Write docs/command-line.md from --help
	@.ci/command-line > docs/command-line.md.new
	@mv docs/command-line.md.new docs/command-line.md

.PHONY: docs-check
docs-check: ## The documents: links, quotes, manifests, names; and that docs/command-line.md is what --help says
	go test $(GOTESTFLAGS) ./test/docs
	@.ci/command-line | diff docs/command-line.md - || { echo "docs/command-line.md is not what --help says: make docs"; exit 1; }

# What kube-score would have, and the chart has not: a limit of the CPU, which slows who is stopped in the middle of an
# operation; limits of a disk on which nothing is written; a pull of what a tag that never moves has already brought; a
# user other than root, who alone can give directories to others (podSecurityContext changes it); a NetworkPolicy
# without being asked (networkPolicy.enabled), since many networks have none.
SCORED := --ignore-container-cpu-limit \
	--ignore-test container-ephemeral-storage-request-and-limit \
	--ignore-test container-image-pull-policy \
	--ignore-test container-security-context-user-group-id \
	--ignore-test pod-networkpolicy

.PHONY: chart-lint
chart-lint: $(HELM) $(KUBE_SCORE) ## The chart: helm lint, kube-score, the tests of what it renders, promtool's of its alerts, and deploy/
	@for values in $(CHART)/ci/*-values.yaml; do \
		echo "helm lint --strict --values $$values"; \
		$(HELM) lint --strict --quiet $(CHART) --values $$values; \
		$(HELM) template nfs $(CHART) --namespace default --values $$values > out/scored.yaml; \
		$(KUBE_SCORE) score --output-format ci $(SCORED) out/scored.yaml | { grep -vE '^\[(OK|SKIPPED)\]' || true; }; \
	done
	HELM=$(CURDIR)/$(HELM) go test $(GOTESTFLAGS) ./test/chart
	@diff <($(DEPLOY)) deploy/base/nfs-provisioner.yaml || { echo "deploy/ is not what the chart renders: make deploy"; exit 1; }

# The chart as plain manifests: Helm has nothing to do with them any more.
DEPLOY := $(HELM) template nfs-provisioner $(CHART) --namespace nfs-provisioner --no-hooks --values deploy/base/values.yaml | \
	sed -e '/^\# Source: /d' -e '/app.kubernetes.io\/managed-by: Helm$$/d' -e '/helm.sh\/chart: /d'

.PHONY: deploy
deploy: $(HELM) ## The plain manifests, from the chart: deploy/base/nfs-provisioner.yaml
	@$(DEPLOY) > deploy/base/nfs-provisioner.yaml

.PHONY: chart-readme
chart-readme: ## Write the tables of the chart's README anew, from the comments of its values.yaml
	go test -count=1 -run TestReadmeIsCurrent ./test/chart -update

.PHONY: e2e
e2e: packages cluster-build image ## The end-to-end tests, in a cluster of ours or, with KUBECONFIG and NFS_*_EXPORTS, in yours
	.ci/with-cluster $(MAKE) in-cluster-chart in-cluster-e2e

.PHONY: chaos
chaos: packages cluster-build image ## Claims made and deleted while everything breaks at random, then nothing lost or leaked: make chaos SEED=...
	.ci/with-cluster $(MAKE) in-cluster-chaos

.PHONY: bench
bench: packages cluster-build build image bench-build ## Measure it beside bare loops, some 45 minutes: docs/benchmark.md; BENCHFLAGS=--help
	.ci/with-cluster out/bin/bench $(BENCHFLAGS)

.PHONY: bench-build
bench-build:
	@$(IN_BENCH_MODULE) go build -trimpath -buildvcs=false -ldflags "-s -w" -o $(CURDIR)/out/bin/bench .
	@$(IN_BENCH_MODULE) go build -trimpath -buildvcs=false -ldflags "-s -w" -o $(CURDIR)/out/bin/bench-bare ./bare

# The API server knows no kinds of the Prometheus Operator, and kubectl apply one namespace. test/chart looks at those.
NO_OPERATOR := --set metrics.serviceMonitor.enabled=false,metrics.prometheusRule.enabled=false,metrics.dashboard.namespace=,namespaceOverride=

# These run where kubectl, helm and the exports are at hand: under .ci/with-cluster.
.PHONY: in-cluster-chart
in-cluster-chart:
	@mkdir -p out/chart
	@for values in $(CHART)/ci/*-values.yaml; do \
		echo "the API server's opinion of the chart with $$values"; \
		rendered=out/chart/$$(basename $$values); \
		helm template dry-run $(CHART) --namespace default --values $$values $(NO_OPERATOR) > $$rendered; \
		kubectl apply --namespace default --dry-run=server --validate=strict --filename $$rendered; \
	done
	@echo "and of deploy/example"
	@kubectl kustomize deploy > out/chart/deploy.yaml
	@kubectl kustomize deploy/example | sed 's/namespace: nfs-provisioner$$/namespace: default/' > out/chart/example.yaml
	@grep -q 'server: nfs.example.org' out/chart/example.yaml && ! grep nfs.example.com out/chart/example.yaml
	@kubectl apply --dry-run=server --validate=strict --filename out/chart/example.yaml

.PHONY: in-cluster-e2e
in-cluster-e2e:
	go test -tags e2e -count=1 -timeout 30m -parallel 4 -v $(E2EFLAGS) ./test/e2e/...
	go test -tags e2e -count=1 -v ./test/rbac
	$(MAKE) in-cluster-chaos DURATION=90s CLAIMS=200 SEED=$(or $(SEED),21)

.PHONY: in-cluster-chaos
in-cluster-chaos:
	CHAOS_DURATION='$(DURATION)' CHAOS_CLAIMS='$(CLAIMS)' CHAOS_SEED='$(SEED)' \
		go test -tags e2e -count=1 -timeout 24h -v -run TestNothingIsLostLeakedOrMixedUpUnderRandomFaults ./test/chaos

.PHONY: vulncheck
vulncheck: $(GOVULNCHECK) ## Known vulnerabilities that the program reaches; skipped where their database cannot be asked
	@GOVULNCHECK=$(GOVULNCHECK) .ci/vulncheck

.PHONY: reproducible
reproducible: ## Two builds from two directories, with nothing in common but the source, are the same byte by byte, and two images
	@VERSION='$(VERSION)' .ci/reproducible

##@ Release

.PHONY: sbom
sbom: $(CYCLONEDX) ## The bill of materials of the program, in CycloneDX: out/nfs-provisioner.cdx.json
	@GOOS=linux GOARCH=amd64 $(GO_BUILD) -o out/bin/nfs-provisioner-linux-amd64 ./cmd/nfs-provisioner
	@VERSION='$(RELEASE)' CYCLONEDX=$(CYCLONEDX) PROGRAM=out/bin/nfs-provisioner-linux-amd64 .ci/sbom

.PHONY: package-chart
package-chart: $(HELM) ## The chart, packaged, with the version of the release
	@mkdir -p $(DIST)
	@$(HELM) package $(CHART) --version '$(RELEASE)' --app-version '$(RELEASE)' --destination $(DIST)

.PHONY: release
release: $(HELM) $(CYCLONEDX) ## Everything that a release consists of, in out/dist
	@rm -rf $(DIST)
	@mkdir -p $(DIST)
	@$(MAKE) build-all sbom package-chart
	@for arch in $(ARCHES); do cp out/bin/nfs-provisioner-linux-$$arch $(DIST)/; done
	@cp out/nfs-provisioner.cdx.json $(DIST)/nfs-provisioner-$(RELEASE).cdx.json
	@for arch in $(ARCHES); do \
		VERSION='$(VERSION)' REVISION='$(REVISION)' ARCH=$$arch IMAGE='nfs-provisioner:$(RELEASE)' \
		ARCHIVE=$(DIST)/nfs-provisioner-$(RELEASE)-image-linux-$$arch.tar .ci/image; \
	done
	@cd $(DIST) && sha256sum -- * > SHA256SUMS
	@ls -l $(DIST)

.PHONY: push
push: ## Push the images of out/dist, as one for all architectures: make push REPOSITORY=registry.example.com/nfs-provisioner
	@RELEASE='$(RELEASE)' DIST='$(DIST)' ARCHES='$(ARCHES)' REPOSITORY='$(REPOSITORY)' .ci/push

##@ The test cluster

.PHONY: cluster-build
cluster-build: $(CLUSTER) ## Build Kubernetes for it: some 11 minutes the first time, with 2 CPUs
	@$(CLUSTER) build

.PHONY: cluster-up
cluster-up: packages cluster-build ## Start it; then: out/bin/cluster exec -- kubectl get nodes
	@$(CLUSTER) up --nodes $(NODES)

.PHONY: cluster-down
cluster-down: $(CLUSTER) ## Stop it, and delete all it has made
	@$(CLUSTER) down

##@ Other

.PHONY: clean
clean: ## Delete out/; Go's caches and the cluster's programs stay
	@if [ -x $(CLUSTER) ] && $(CLUSTER) status >/dev/null 2>&1; then echo "a cluster is up: make cluster-down first"; exit 1; fi
	rm -rf out

# The tools. Go's cache makes those quick that have nothing to do.

.PHONY: tools
tools: $(GOLANGCI) $(ACTIONLINT) $(HELM) $(KUBE_SCORE) $(GOVULNCHECK)

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION) (some 3 minutes the first time)"
	@mkdir -p out/tools
	@GOBIN=$(CURDIR)/out/tools GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv out/tools/golangci-lint $@

# tool MODULE VERSION: builds the tool that a rule is for.
define tool
@echo "building $(notdir $@)"
@mkdir -p out/tools
@GOBIN=$(CURDIR)/out/tools GOFLAGS= go install $(1)@$(2)
@mv out/tools/$(notdir $(1)) $@
endef

$(ACTIONLINT):
	$(call tool,github.com/rhysd/actionlint/cmd/actionlint,$(ACTIONLINT_VERSION))

$(CYCLONEDX):
	$(call tool,github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod,$(CYCLONEDX_VERSION))

$(KUBE_SCORE):
	$(call tool,github.com/zegl/kube-score/cmd/kube-score,$(KUBE_SCORE_VERSION))

$(GOVULNCHECK):
	$(call tool,golang.org/x/vuln/cmd/govulncheck,$(GOVULNCHECK_VERSION))

$(HELM): test/cluster/go.mod
	@echo "building helm (some 3 minutes the first time)"
	@$(IN_CLUSTER_MODULE) go build -buildvcs=false -o $(CURDIR)/$@ helm.sh/helm/v4/cmd/helm
	@touch $@

.PHONY: $(CLUSTER)
$(CLUSTER):
	@$(IN_CLUSTER_MODULE) go build -buildvcs=false -o $(CURDIR)/$@ .
