#!/usr/bin/env bash
# Build a stand-in for AWS's base image of provided.al2023 without an image
# registry. It runs static Go binaries (ours are) and proves the wiring, not the
# operating system. Needs a Docker engine and a static busybox.
set -euo pipefail
tag=sam-local/provided-al2023:x86_64
busybox=${BUSYBOX:-/bin/busybox}
certs=/etc/ssl/certs/ca-certificates.crt

docker image inspect "$tag" >/dev/null 2>&1 && exit 0
if [ ! -x "$busybox" ] || LC_ALL=C ldd "$busybox" 2>&1 | grep -q '=>'; then
  echo "missing: a static busybox — install it with: sudo apt-get install -y busybox-static" >&2
  exit 1
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root"/{bin,etc/ssl/certs,opt,usr/bin,var/rapid,var/runtime,var/task}
mkdir -m 1777 "$root/tmp"
cp "$busybox" "$root/bin/busybox"
for a in sh mv chmod cp rm ls cat mkdir env; do ln -s busybox "$root/bin/$a"; done
[ -r "$certs" ] && cp -L "$certs" "$root/etc/ssl/certs/ca-certificates.crt"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
tar -C "$root" --owner=0 --group=0 --numeric-owner -c . | docker import \
  --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin:/opt/bin LANG=en_US.UTF-8 TZ=:UTC LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime' \
  --change 'WORKDIR /var/task' - "$tag" >/dev/null
# The image that SAM CLI derives must not outlive the base that it came from.
docker image rm -f sam-local/provided-al2023:rapid-x86_64 >/dev/null 2>&1 || true
