# Needs Go, git and a POSIX shell. What else a target needs is built once from
# tools/ into bin/tools. CONTRIBUTING.md says when to use which.

GO      ?= go
MODULES := $(GO) run ./modules
PACKAGE := github.com/forkbikash/keyval/apps/keyval

.DEFAULT_GOAL := build
.PHONY: help build cross cluster clean test race certify fuzz lint lint-go lint-proto fmt generate tidy tidy-check standalone install-check release FORCE

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' Makefile

# The program.

VERSION ?= $(patsubst apps/keyval/%,%,$(shell git describe --tags --always --dirty --match 'apps/keyval/v*'))
LINK     = $(GO) build -trimpath -ldflags '-s -w -X $(PACKAGE)/app.version=$(VERSION)'

build: ## build bin/keyval, which knows its version
	$(LINK) -o bin/ $(PACKAGE)

PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

cross: $(PLATFORMS:%=dist/%) ## build dist/OS/ARCH/keyval for every platform, without cgo

dist/%: FORCE
	CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) $(LINK) -o $@/ $(PACKAGE)

DIR       ?= data
LOG_STORE ?=
KEYVAL     = bin/keyval
# Not ?=, for some shells export a HOST, which is the machine's name.
HOST       = localhost

cluster: build ## run three local nodes until Ctrl-C: DIR=data LOG_STORE=wal HOST=localhost
	@HOST='$(HOST)' sh scripts/cluster.sh '$(KEYVAL)' '$(DIR)' $(LOG_STORE:%=-log-store=%)

clean: ## delete what was built, the tools too
	rm -rf bin dist

# Modules as others would write them. Each has a workspace of its own.
EXAMPLES := $(wildcard examples/*)

# Tests.

# The race detector needs cgo and a C compiler. CI always asks for it.
RACE      ?= $(filter true,$(CI))
TESTFLAGS ?=

# Some tests run the built program, whose source the test cache does not see:
# an old result would prove nothing. They wait for elections, and on a small
# machine that is busy more than the ten minutes that Go allows a package.
# gotestsum says at the end which tests were skipped, and why.
test: tools-test ## test every module: RACE=1 TESTFLAGS='-run NAME'
	$(TEST_TOOLS)/gotestsum --format pkgname --format-hide-empty-pkg -- \
		-count=1 -timeout 30m $(if $(RACE),-race) $(TESTFLAGS) work
	for example in $(EXAMPLES); do \
		(cd "$$example" && $(TEST_TOOLS)/gotestsum --format pkgname --format-hide-empty-pkg -- \
			-count=1 -timeout 10m $(if $(RACE),-race) $(TESTFLAGS) ./...) || exit; \
	done

race: ## test every module, looking for data races
	@$(MAKE) test RACE=1

CUTS ?= 1000

# At CUTS moments each the power goes, for every durable log store, bare and
# guarded. Needs Linux with FUSE.
certify: ## take the power away from the log stores: CUTS=1000
	cd storage && KEYVAL_CRASH_CUTS=$(CUTS) $(GO) test -count=1 -timeout 2h -v -run '^TestCrash$$' .

FUZZTIME ?= 10s

fuzz: ## run each fuzz target: FUZZTIME=10s
	@GO='$(GO)' sh scripts/fuzz.sh $(FUZZTIME)

# The source.

lint: lint-go lint-proto ## run the linters, go vet, and see that generated code is current

lint-go: GOLANGCI = $(LINT_TOOLS)/golangci-lint
lint-go: tools-lint
	$(GO) vet work
	$(GOLANGCI) run $$($(GO) list -m -f '{{.Dir}}/...')
	cd tools && GOWORK=off $(GO) vet ./... && GOWORK=off $(GOLANGCI) run ./...
	for example in $(EXAMPLES); do \
		(cd "$$example" && $(GO) vet ./... && $(GOLANGCI) run ./...) || exit; \
	done

lint-proto: tools-buf tools-generate
	$(BUF_TOOLS)/buf lint
	PATH="$(GENERATE_TOOLS):$$PATH" sh scripts/generated.sh $(BUF_TOOLS)/buf

fmt: tools-lint ## format the Go source
	$(LINT_TOOLS)/golangci-lint fmt

generate: tools-buf tools-generate ## generate Go from the .proto files
	PATH="$(GENERATE_TOOLS):$$PATH" $(BUF_TOOLS)/buf generate

# The modules, as seen without go.work.

tidy: ## complete each go.mod and go.sum (plain go mod tidy cannot)
	cd tools && GOWORK=off $(MODULES) tidy

tidy-check: ## see that each go.mod and go.sum is complete
	cd tools && GOWORK=off $(MODULES) tidy-check
	cd tools && GOWORK=off $(GO) mod tidy -diff
	cd tools/lint && GOWORK=off $(GO) mod tidy -diff
	cd tools/buf && GOWORK=off $(GO) mod tidy -diff
	cd tools/test && GOWORK=off $(GO) mod tidy -diff

standalone: ## build and vet each module outside the workspace
	cd tools && GOWORK=off $(MODULES) standalone

install-check: ## go install the program from a proxy that has the working tree
	cd tools && GOWORK=off $(MODULES) install-check apps/keyval

.PHONY: require
require: # make the modules require each other at VERSION
	cd tools && GOWORK=off $(MODULES) require $(VERSION)

release: ## say how to release, or do it: VERSION=v0.2.0 DRY_RUN=0
	@GO='$(GO)' VERSION='$(if $(filter command line environment,$(origin VERSION)),$(VERSION))' DRY_RUN=$(or $(DRY_RUN),1) sh scripts/release.sh

# The tools. Each group is a module of its own, so that none forces another's
# dependencies, and lies in a folder named after what it is built from, so that
# it is built again when that has changed and only then.

tools = $(CURDIR)/bin/tools/$(1)-$(shell ($(GO) version; cat tools/$(2)/go.mod tools/$(2)/go.sum) | git hash-object --stdin | cut -c1-12)

LINT_TOOLS     := $(call tools,lint,lint)
BUF_TOOLS      := $(call tools,buf,buf)
TEST_TOOLS     := $(call tools,test,test)
GENERATE_TOOLS := $(call tools,generate,.)

.PHONY: tools-lint tools-buf tools-test tools-generate
tools-lint:     $(LINT_TOOLS)
tools-buf:      $(BUF_TOOLS)
tools-test:     $(TEST_TOOLS)
tools-generate: $(GENERATE_TOOLS)

$(LINT_TOOLS):     FROM = lint
$(BUF_TOOLS):      FROM = buf
$(TEST_TOOLS):     FROM = test
$(GENERATE_TOOLS): FROM = .
$(LINT_TOOLS) $(BUF_TOOLS) $(TEST_TOOLS) $(GENERATE_TOOLS):
	@echo 'building $(@F), which takes a while the first time'
	@rm -rf $(@D)/$(firstword $(subst -, ,$(@F)))-*
	@cd tools/$(FROM) && GOWORK=off CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $@.new/ tool
	@mv $@.new $@
