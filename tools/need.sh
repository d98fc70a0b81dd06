#!/bin/sh
# Say in one line each what is missing on this machine, and how to get it.
missing=0
lack() { echo "missing: $1 — install it with: $2" >&2; missing=1; }

case $(uname -s) in
Darwin) go="brew install go" java="brew install openjdk@17" mvn="brew install maven" py="brew install python" ;;
*) go="see https://go.dev/doc/install (1.26 or newer)" java="sudo apt-get install -y openjdk-17-jre-headless"
   mvn="sudo apt-get install -y maven" py="sudo apt-get install -y python3 python3-venv" ;;
esac

if ! command -v go >/dev/null; then
  lack "Go 1.26" "$go"
else
  # A toolchain that may not fetch another says so here instead of in the middle of a build.
  go version >/dev/null 2>&1 || lack "Go 1.26 (this one is $(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || echo older))" "$go"
fi

v=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
[ "${v:-0}" -ge 17 ] 2>/dev/null || lack "Java 17" "$java"

command -v mvn >/dev/null || lack "Maven" "$mvn"

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
  lack "Python 3.10" "$py"
elif ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  lack "Python's venv module" "$py"
fi
exit $missing
