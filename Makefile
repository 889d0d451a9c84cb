# Every target with a ## comment appears in make help.
SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LINT_VERSION  := v2.15.0
LINT          := .bin/golangci-lint-$(LINT_VERSION)
FUZZTIME      ?= 60s
ARGS          ?=
SCENARIO      ?= fairness
CUTS          ?= 20
# Without paths in the objects all targets share what is built once, in copies of this folder too. A new machine builds a
# minute less.
export GOFLAGS := $(strip $(GOFLAGS) -trimpath)
# The packages that hold the promises, with the share of statements that tests must run.
COVERED       := ingest worker pkg/ticket pkg/iadvize pkg/zendesk pkg/queue
COVERAGE      := 85

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/passerelle: static, the same bytes from the same sources
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/passerelle ./cmd/passerelle

.PHONY: demo
demo: ## run everything in one process, simulators included (ARGS='--for 30s')
	go run ./cmd/passerelle demo $(ARGS)

.PHONY: test
test: servers ## install what tests need, run them with the race detector, check the coverage
	@# A package's coverage counts the tests of all packages, merged in one profile: what runs end to end is tested
	@# too. The share that go test prints on each line is of all these packages together and says nothing: it is cut off.
	@go test -race -timeout 20m -coverprofile=coverage.out \
	  -coverpkg=$(subst $() ,$(comma),$(addprefix ./,$(wildcard $(COVERED)))) ./... 2>&1 | \
	  sed -E 's/^\t(\S+)\t\tcoverage: .*/?   \t\1\t[no test files]/; s/\tcoverage: .* of statements in .*//; /^coverage: .* of statements in /d'
	@awk -v minimum=$(COVERAGE) -v required='$(COVERED)' -f deploy/ci/coverage.awk coverage.out

.PHONY: servers
servers: ## install the programs that tests start, where they are missing
	@deploy/ci/need.sh git gcc redis-server

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME=60s
	@deploy/ci/fuzz.sh $(FUZZTIME)

.PHONY: property
property: ## try the form's property on 10,000 made-up accounts instead of 2,000
	go test ./pkg/zendesk -run TestWhatIsSentIsTakenAndWhatIsHeldBackIsNot -rapid.checks=10000 -v

.PHONY: chaos
chaos: servers ## kill, cut and stop everything under load; prove that nothing is lost or doubled (ARGS='-seed 2')
	go run ./deploy/chaos -scenario cluster $(ARGS)
	go run ./deploy/chaos -scenario embedded $(ARGS)

.PHONY: powercut
powercut: ## cut the power 20 times under load; what was answered must be there (CUTS=20 ARGS='-cut-seed 2')
	go test ./deploy/powercut
	go test ./cmd/passerelle -run 'TestPowerCut' -v -timeout 60m -cuts $(CUTS) $(ARGS)

.PHONY: bench
bench: ## run the benchmarks of all packages
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-accounts
bench-accounts: servers ## measure fairness, quota, calls, kill, storm or rate with the real processes (SCENARIO=quota ARGS='-o json')
	CGO_ENABLED=0 go run ./deploy/bench $(SCENARIO) $(ARGS)

.PHONY: fmt
fmt: $(LINT) ## format the code and sort the imports
	@$(LINT) fmt

.PHONY: fmt-check
fmt-check: $(LINT) ## fail when make fmt would change a file
	@$(LINT) fmt --diff || { echo 'not formatted: run make fmt' >&2; exit 1; }

.PHONY: vet
vet: ## run go vet
	@go vet ./...

.PHONY: lint
lint: $(LINT) ## run the linters; .golangci.yml says which, and why not the others
	@$(LINT) run ./...

.PHONY: generate
generate: ## write the generated files anew
	go generate ./...

.PHONY: check-generated
check-generated: ## fail when make generate would change a file
	@deploy/ci/check-generated.sh

.PHONY: check
check: fmt-check vet check-generated ## all that a change must pass
	@# The linters work behind the tests, which wait a good part of their time.
	@found=$$(mktemp) linting=; trap 'rm -f "$$found"; [ -z "$$linting" ] || kill "$$linting"' EXIT; \
	{ nice -n 19 $(MAKE) --no-print-directory lint >"$$found" 2>&1 || { cat "$$found" >&2; exit 1; }; } & linting=$$!; \
	tested=0; $(MAKE) --no-print-directory test || tested=$$?; \
	linted=0; wait "$$linting" || linted=$$?; linting=; exit $$((tested || linted))

.PHONY: docker
docker: ## build the container image passerelle:VERSION
	docker build -f deploy/Dockerfile --build-arg VERSION=$(VERSION) -t passerelle:$(VERSION) .

.PHONY: compose-check
compose-check: ## restart each service of docker-compose.yml under traffic, and count what became of it
	@deploy/ci/compose.sh

.PHONY: clean
clean: ## delete what was built, except the linter
	rm -rf bin passerelle coverage.out

# Built from source once per version; some minutes on two cores.
$(LINT):
	@echo 'building golangci-lint $(LINT_VERSION)' >&2
	@GOBIN='$(CURDIR)/.bin/build' CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) 2>&1 | { grep -v '^go: downloading' >&2 || :; }
	@mv .bin/build/golangci-lint $@ && rmdir .bin/build

comma := ,
