# Clientele. `make help` lists what there is.
#
# Everything that is fetched or built goes to .local/, which git ignores.

VENV    := .local/venv/.done
DYNAMO  := .local/dynamodb/.done
PYTHON  := .local/venv/bin/python
LOCAL   := .local/bin/local
SAM     := SAM_CLI_TELEMETRY=0 AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=eu-west-1 $(PYTHON) -m samcli
TOOL    := go tool -modfile=tools/go.mod
# The local program ends when make is killed.
LAUNCH  := CLIENTELE_FOLLOW=1 exec $(LOCAL)

.DEFAULT_GOAL := help
.PHONY: help run test check demo bench linear fuzz sam-local sam-local-api parts fetch need clean
.SILENT:

help: ## list the targets
	grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: parts ## start everything on this machine with a demo site; Ctrl-C stops it (PORT=8080)
	$(LAUNCH) up -port $(or $(PORT),8080)

test: parts ## start what the tests need, run all of them, stop it (TESTFLAGS="-run X ./internal/…")
	$(LAUNCH) test $(TESTFLAGS)

demo: need local ## drive the whole job against the running `make run`, and check what came of it
	$(LAUNCH) demo

bench: parts ## measure; one line a figure, also in .local/bench.json
	$(LAUNCH) bench

linear: parts ## 100,000 concurrent operations on a few contacts, checked for linearizability (OPS=100000)
	LINEAR_OPS=$(or $(OPS),100000) $(LAUNCH) test -v -timeout 60m -run Histories ./internal/test/linear

check: parts ## format, vet, staticcheck, architecture, template, known vulnerabilities
	echo "gofmt";       out=$$(gofmt -l functions internal); [ -z "$$out" ] || { echo "not formatted (gofmt -w):"; echo "$$out"; exit 1; }
	echo "go vet";      go vet ./...
	echo "staticcheck"; $(TOOL) staticcheck ./...
	echo "archtest";    go test ./internal/test/archtest
	echo "cfn-lint";    $(PYTHON) .local/venv/bin/cfn-lint template.yaml
	echo "sam validate --lint"; out=$$($(SAM) validate --lint 2>&1) || { echo "$$out"; exit 1; }
	echo "govulncheck"; tools/govulncheck.sh
	echo "check: all well"

fuzz: need ## put the API of the running `make run` to the test of its own OpenAPI description
	tools/schemathesis.sh

sam-local: parts ## sam local invoke with a sample event, in Docker (FUNCTION=OrdersFunction EVENT=events/orders/…)
	tools/sam-local.sh invoke $(FUNCTION) $(EVENT)

sam-local-api: parts ## sam local start-api in Docker, the table in DynamoDB Local
	tools/sam-local.sh start-api

clean: ## remove everything that was fetched or built
	rm -rf .local .aws-sam

# ---- the pinned parts -------------------------------------------------------

# First what must be there, in one line each, before anything starts.
parts: need ## fetch the pinned local services and build the local program
	$(MAKE) --no-print-directory -j3 fetch

fetch: $(VENV) $(DYNAMO) local

need:
	tools/need.sh

.PHONY: local
local:
	mkdir -p .local/bin
	# The flags of the functions, so that each package is compiled once for both.
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags lambda.norpc -o $(LOCAL) ./internal/local

$(VENV): tools/requirements.txt
	echo "fetching MiniStack and SAM CLI (once, about a minute)"
	rm -rf .local/venv
	python3 -m venv .local/venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt
	touch $@

$(DYNAMO): tools/pom.xml
	echo "fetching DynamoDB Local (once)"
	rm -rf .local/dynamodb
	mvn -q -B -Dstyle.color=never -f tools/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/.local/dynamodb
	touch $@

# ---- called by `sam build`, one target a function of template.yaml ---------

BUILDS := $(patsubst %,build-%Function,Contacts Forms Orders Intake Imports Importer Exports Exporter Site Bulk Relay Mailer)
.PHONY: $(BUILDS)
$(BUILDS):
	CGO_ENABLED=0 GOOS=$(or $(FUNCTION_OS),linux) GOARCH=$(or $(FUNCTION_ARCH),amd64) go build -trimpath -buildvcs=false \
		-ldflags="-s -w" -tags lambda.norpc -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/$(shell echo $(@:build-%Function=%) | tr A-Z a-z)
