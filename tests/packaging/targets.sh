#!/bin/bash
# Executables for the other machines: each is made, and is one for that machine by what its head says. That of Windows is
# run where Wine 10 or newer is (WINE=wine): in memory, since a directory is refused there in words. tests/packaging/targets.sh [all]; without all, one of each system.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/clients/checks.sh
. tests/clients/broker.sh
tools=${RUNNEL_COMPILE_TOOLS:-$PWD/dist/compile-tools}
unset RUNNEL_COMPILE_TOOLS

number() { od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; } # FILE, POSITION, BYTES
is_elf() { [ "$(head -c 4 "$1" | tail -c 3)" = ELF ] && [ "$(number "$1" 18 2)" = "$2" ]; }
is_mach() { [ "$(number "$1" 0 4)" = 4277009103 ] && [ "$(number "$1" 4 4)" = "$2" ]; }
is_windows() { [ "$(head -c 2 "$1")" = MZ ] && [ "$(number "$1" $(($(number "$1" 60 4) + 4)) 2)" = "$2" ]; }
# TARGET, and how its kind is known
made_for() { RUNNEL_COMPILE_TOOLS=$tools TARGET=$1 sh packaging/compile.sh "$work/$1.exe" && "$2" "$work/$1.exe" "$3"; }
check "it is made for macOS on arm64" made_for aarch64-apple-darwin is_mach 16777228
check "for Windows on x64" made_for x86_64-pc-windows-msvc is_windows 34404
if [ "${1:-}" = all ]; then
  check "for macOS on x64" made_for x86_64-apple-darwin is_mach 16777223
  check "for Linux on arm64" made_for aarch64-unknown-linux-gnu is_elf 183
fi

if [ -n "${WINE:-}" ]; then
  mv "$work/x86_64-pc-windows-msvc.exe" "$work/runnel.exe"
  port=$(free_port)
  on_windows() { WINEDEBUG=-all timeout 60 "$WINE" "$work/runnel.exe" "$@"; }
  refused() { ! on_windows serve --storage-path "$work/data" > "$work/said" 2>&1 && grep -q "Cannot keep files in .*Windows" "$work/said" && ! [ -e "$work/data" ]; }
  check "a directory is refused there in words, and not made" refused
  on_windows serve --storage-path memory:// --kafka-port "$port" --http-port 0 > "$work/serve.log" 2>&1 &
  created() { for _ in $(seq 20); do on_windows topic create tried --bootstrap "127.0.0.1:$port" && return; sleep 0.5; done; cat "$work/serve.log"; return 1; }
  check "in memory it serves, and commands reach it" created
  read_there() { echo hello | on_windows produce tried --bootstrap "127.0.0.1:$port" && on_windows consume tried --count 1 --bootstrap "127.0.0.1:$port" | tr -d '\r' | grep -qx hello; }
  check "what was sent is read" read_there
  kill %1
fi
finish
