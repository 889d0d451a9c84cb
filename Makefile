SHELL := bash
.DEFAULT_GOAL := help
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: fmt
fmt: ## format the code
	gofmt -w .

.PHONY: fmt-check
fmt-check: ## fail when a file is not formatted
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "not formatted, run make fmt:"; echo "$$out"; exit 1; }

.PHONY: vet
vet: ## run go vet
	go vet ./...

.PHONY: servers
servers: ## install the servers that the tests start, where they are missing
	@command -v redis-server >/dev/null || { \
	  $(SUDO) apt-get update -qq && \
	  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq redis-server >/dev/null; }

.PHONY: test
test: servers ## install what the tests need and run them with the race detector
	go test -race -timeout 9m ./...

.PHONY: check
check: fmt-check vet test ## all that a change must pass
