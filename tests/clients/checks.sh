# shellcheck shell=bash
# The harness of the shell suites, the same lines as checks.ts: source it, call `check` and end with `finish`.
#   check TITLE COMMAND...   runs COMMAND ; a non-zero exit fails the check and shows the end of its output, kept in $out
BROKERS=${BROKERS:-127.0.0.1:9092}
suite=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/runnel-$suite.XXXXXX")
out=$work/out
topic=$suite-$$-$RANDOM
passed=0 failed=0
trap 'rm -rf "$work"' EXIT

check() {
  local title=$1
  shift
  if "$@" > "$out" 2>&1 < /dev/null; then
    echo "ok   $suite: $title"
    passed=$((passed + 1))
  else
    echo "FAIL $suite: $title"
    tail -12 "$out" | cut -c1-300 | sed 's/^/       /'
    failed=$((failed + 1))
  fi
}

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}
