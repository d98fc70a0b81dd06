#!/bin/sh
# Asks the running local deployment (`make run`) whatever its own OpenAPI description
# allows and forbids, and checks the answers against it. Fetches schemathesis once.
#   FUZZ_EXAMPLES=20  cases an operation and phase
#   FUZZ_FLAGS=…      passed on, for example --include-path-regex tags
set -eu
cd "$(dirname "$0")/.."
version=4.32.5
venv=.local/schemathesis-$version
[ -f .local/run.json ] || { echo "nothing runs here: start \`make run\` in another terminal first" >&2; exit 1; }
if [ ! -x "$venv/bin/schemathesis" ]; then
	echo "fetching schemathesis $version (once)"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
fi
read_run() { python3 -c 'import json,sys; print(json.load(open(".local/run.json"))[sys.argv[1]])' "$1"; }
api=$(read_run api_url)
# shellcheck disable=SC2086 # flags are words
exec "$venv/bin/schemathesis" run "$api/v1/openapi.json" -u "$api" -H "Authorization: Bearer $(read_run api_key)" \
	--phases examples,coverage,fuzzing -n "${FUZZ_EXAMPLES:-20}" --continue-on-failure --request-timeout 30 ${FUZZ_FLAGS:-}
