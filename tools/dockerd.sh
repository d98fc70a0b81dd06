#!/usr/bin/env bash
# Start or stop a Docker engine of our own (needs root), for machines on which
# dockerd is installed and does not run. All that it keeps is under one folder.
#   eval "$(tools/dockerd.sh start DIR)"    # sets DOCKER_HOST
#   tools/dockerd.sh stop DIR
set -euo pipefail
dir=$2
export DOCKER_HOST="unix://$dir/d.sock"

# alive PIDFILE WORD: is the process of PIDFILE a live one with WORD in its command line?
alive() { [ -s "$1" ] && grep -qaF "$2" "/proc/$(cat "$1")/cmdline" 2>/dev/null; }

case $1 in
start)
  mkdir -p "$dir"
  if ! alive "$dir/d.pid" "$dir/d.sock"; then
    # An engine that was killed outright leaves a containerd and pid files, which block the next one for a minute.
    cpid=$dir/exec/containerd/containerd.pid
    if alive "$cpid" "$dir/exec/containerd"; then kill "$(cat "$cpid")"; sleep 1; fi
    rm -f "$dir/d.pid" "$dir/d.sock" "$cpid" "$dir"/exec/containerd/*.sock*
    setsid nohup dockerd --host "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" \
      --pidfile "$dir/d.pid" >"$dir/d.log" 2>&1 </dev/null &
  fi
  for _ in $(seq 300); do docker info >/dev/null 2>&1 && break; sleep 0.1; done
  docker info >/dev/null 2>&1 || { tail -5 "$dir/d.log" >&2; exit 1; }
  echo "export DOCKER_HOST=$DOCKER_HOST"
  ;;
stop)
  alive "$dir/d.pid" "$dir/d.sock" || exit 0
  pid=$(cat "$dir/d.pid")
  kill -TERM "$pid"
  for _ in $(seq 150); do grep -qa . "/proc/$pid/cmdline" 2>/dev/null || exit 0; sleep 0.1; done
  echo "the Docker engine $pid did not stop" >&2
  exit 1
  ;;
esac
