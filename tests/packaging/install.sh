#!/bin/bash
# The installer, from a release on this machine: what it installs runs, and what is not what SHA256SUMS says is not
# installed. tests/packaging/install.sh EXECUTABLE
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/clients/checks.sh
. tests/clients/broker.sh
executable=$(realpath "$1")
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$work"' EXIT
machine=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
mkdir -p "$work/releases" "$work/bin"
ln "$executable" "$work/releases/runnel-linux-$machine" 2> /dev/null || cp "$executable" "$work/releases/runnel-linux-$machine"
(cd "$work/releases" && sha256sum -- * > SHA256SUMS)
port=$(free_port)
python3 -m http.server --bind 127.0.0.1 --directory "$work/releases" "$port" > /dev/null 2>&1 &
for _ in $(seq 300); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break; sleep 0.1; done
installer() { RUNNEL_RELEASES=${RELEASES:-http://127.0.0.1:$port} RUNNEL_BIN=$work/bin sh packaging/install.sh; }
refused() { ! installer > "$work/said" 2>&1 && grep -q "$1" "$work/said" && [ -z "$(ls -A "$work/bin")" ]; }

altered() { sed -i '1s/^....../000000/' "$work/releases/SHA256SUMS" && refused "where SHA256SUMS says 000000"; }
check "what has another checksum is not installed" altered
absent() { sed -i 's/runnel-/other-/' "$work/releases/SHA256SUMS" && refused "has no line of runnel-linux-$machine"; }
check "nor what SHA256SUMS does not name" absent
nowhere() { RELEASES=http://127.0.0.1:1 refused "cannot fetch http://127.0.0.1:1/SHA256SUMS"; }
check "a release that is not there is named" nowhere
plain() { RELEASES=http://releases.example refused "needs https://"; }
check "nothing is fetched in clear from elsewhere" plain
disguised() { RELEASES="http://localhost:x@127.0.0.1:$port" refused "needs https://"; }
check "nor from elsewhere in disguise" disguised
taken() { mkdir "$work/bin/runnel"; ! installer > "$work/said" 2>&1 && grep -q "bin/runnel is a folder" "$work/said" && rmdir "$work/bin/runnel"; }
check "nothing is put into a folder called runnel" taken
# Of a fetch that is broken off nothing is left.
mkdir "$work/slow" && printf '#!/bin/sh\necho > "%s/began"; sleep 1\n' "$work" > "$work/slow/curl" && chmod +x "$work/slow/curl"
broken_off() {
  RUNNEL_RELEASES=http://127.0.0.1:$port RUNNEL_BIN=$work/bin PATH=$work/slow:$PATH sh packaging/install.sh > "$work/said" 2>&1 &
  for _ in $(seq 300); do [ -e "$work/began" ] && break; sleep 0.1; done
  kill -TERM $! && ! wait $! && [ -z "$(ls -A "$work/bin")" ]
}
check "what is broken off leaves nothing" broken_off
unsaid() { RELEASES=@RELEASES@ refused RUNNEL_RELEASES; }
check "one that was not published asks where the releases are" unsaid
whole() { (cd "$work/releases" && sha256sum -- runnel-* > SHA256SUMS) && installer && "$work/bin/runnel" version && [ "$(ls -A "$work/bin")" = runnel ]; }
check "what is right is installed, and runs" whole
check "a second time it is replaced" whole
finish
