#!/bin/sh
# Known vulnerabilities in what we call. One that is found fails; a machine
# from which the database cannot be reached is told so, and nothing is claimed.
out=$(go tool -modfile=tools/go.mod govulncheck ./... 2>&1)
code=$?
if [ $code -eq 0 ]; then
  exit 0
fi
if [ $code -ne 3 ] && echo "$out" | grep -qiE 'fetching vulnerabilities|vuln\.go\.dev|dial tcp|no such host|HTTP GET|status code|403 Forbidden'; then
  echo "WARNING: NOT CHECKED for known vulnerabilities, as the database cannot be reached from here: $(echo "$out" | tail -1)"
  exit 0
fi
echo "$out"
exit $code
