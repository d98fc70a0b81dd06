#!/usr/bin/env bash
# `sam local` on the real template, in Docker, with the table in DynamoDB Local.
#   tools/sam-local.sh invoke FunctionLogicalId event.json
#   tools/sam-local.sh start-api
# Where no Docker engine answers, dockerd is installed and we are root, an
# engine of our own is started. Without AWS's base image a stand-in is built.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
what=${1:?invoke or start-api}
export SAM_CLI_TELEMETRY=0 AWS_EC2_METADATA_DISABLED=true AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 \
  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
sam=("$top/.local/venv/bin/python" -m samcli)

own=
if ! command -v docker >/dev/null; then
  echo "missing: Docker — install it with: sudo apt-get install -y docker.io iptables" >&2
  exit 1
fi
if ! docker info >/dev/null 2>&1; then
  if [ "$(id -u)" != 0 ] || ! command -v dockerd >/dev/null; then
    echo "no Docker engine answers: start one, then try again" >&2
    exit 1
  fi
  engine=$(tools/dockerd.sh start "$top/.local/docker")
  eval "$engine"
  own=1
fi
ddb=
finish() {
  [ -z "$ddb" ] || { exec 9>&-; wait "$ddb" 2>/dev/null || true; }
  [ -z "$own" ] || tools/dockerd.sh stop "$top/.local/docker"
}
trap finish EXIT
# SAM waits for its containers when it is told to end; the trap does the rest.
trap 'kill -TERM "${samcli:-0}" 2>/dev/null || true' INT TERM

config=(--config-file "$top/samconfig.toml" --config-env default)
if ! docker image inspect public.ecr.aws/lambda/provided:al2023-rapid-x86_64 >/dev/null 2>&1 &&
   ! timeout 20 docker pull -q public.ecr.aws/lambda/provided:al2023 >/dev/null 2>&1; then
  echo "AWS's base image cannot be had here: a stand-in for it is used"
  tools/lambda-image.sh
  config=(--config-file "$top/samconfig.toml" --config-env offline)
fi

# DynamoDB Local on this machine, seen from the containers at the bridge's gateway.
fifo=$(mktemp -u)
mkfifo "$fifo"
.local/bin/local book <"$fifo" >"$fifo.out" &
ddb=$!
exec 9>"$fifo"
for _ in $(seq 300); do grep -q '^form' "$fifo.out" && break; sleep 0.1; done
cat "$fifo.out"
port=$(sed -n 's#^http://127.0.0.1:\([0-9]*\)$#\1#p' "$fifo.out")
rm -f "$fifo" "$fifo.out"
[ -n "$port" ] || { echo "DynamoDB Local did not start" >&2; exit 1; }
gateway=$(docker network inspect bridge -f '{{(index .IPAM.Config 0).Gateway}}')
endpoint=http://${gateway:-host.docker.internal}:$port

"${sam[@]}" build --build-dir .local/build >/dev/null 2>&1 || { go build ./functions/... && echo "sam build failed" >&2; exit 1; }
# --env-vars only changes variables that the template has, so the copy gets one more.
.local/venv/bin/python - "$endpoint" <<'PY'
import sys
from samcli.yamlhelper import yaml_dump, yaml_parse
file = ".local/build/template.yaml"
template = yaml_parse(open(file).read())
for r in template["Resources"].values():
    if r["Type"] == "AWS::Serverless::Function":
        r["Properties"].setdefault("Environment", {}).setdefault("Variables", {}).update(
            {"TABLE": "local", "AWS_ENDPOINT_URL_DYNAMODB": sys.argv[1]})
open(".local/build/local.yaml", "w").write(yaml_dump(template))
PY
common=("${config[@]}" --template "$top/.local/build/local.yaml" --add-host host.docker.internal:host-gateway)
case $what in
invoke) "${sam[@]}" local invoke "${2:?FUNCTION=<logical id>}" -e "${3:?EVENT=<file>}" "${common[@]}" & ;;
start-api) "${sam[@]}" local start-api --port "${PORT:-3000}" "${common[@]}" & ;;
esac
samcli=$!
# A signal ends a wait early.
while kill -0 $samcli 2>/dev/null; do code=0; wait $samcli || code=$?; done
exit "${code:-0}"
