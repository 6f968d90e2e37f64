#!/bin/bash
# The Debian package in a Debian of its own: installed, started as its unit says, upgraded, purged; what it told systemd,
# what stayed of configuration and data. tests/packaging/debian.sh EXECUTABLE; needs root, debootstrap and kcat.
# SUITE=bullseye: in another Debian.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/clients/checks.sh
. tests/clients/broker.sh
executable=$(realpath "$1")
root=$work/root
trap 'kill $(jobs -p) 2> /dev/null; umount -l "$root/proc" 2> /dev/null; rm -rf --one-file-system "$work"' EXIT
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

# ---- The packages, and a Debian

older=$(VERSION=0.1.0 COMPRESSION=none packaging/debian.sh "$executable" "$work")
newer=$(VERSION=0.1.1 COMPRESSION=none packaging/debian.sh "$executable" "$work")
mirror=$(sed -n 's/^\(deb [^ ]*\|URIs: \)\(http[^ ]*\/debian\)\b.*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null | head -1)
debootstrap --variant=minbase "${SUITE:-bookworm}" "$root" ${mirror:+"$mirror"} > "$work/debootstrap.log" 2>&1 || { tail -5 "$work/debootstrap.log"; echo "0 passed, 1 failed"; exit 1; }
mount -t proc proc "$root/proc"
mkdir "$root/packages" && cp "$older" "$newer" "$root/packages/"

# ---- The unit, as systemd reads it

unit() { sed "s|^ExecStart=/usr/bin/runnel|ExecStart=$executable|" packaging/runnel.service > "$work/runnel.service" && systemd-analyze verify --man=no "$work/runnel.service"; }
if command -v systemd-analyze > /dev/null; then check "systemd finds nothing wrong with the unit" unit; fi

# ---- Install, and start as the unit does

check "it installs" inside dpkg -i "/packages/${older##*/}"
check "the executable runs" inside runnel version
check "the service is enabled" test -L "$root/etc/systemd/system/multi-user.target.wants/runnel.service"
export BROKERS=127.0.0.1:$(free_port)
sed -i "s/^#kafka_port = .*/kafka_port = ${BROKERS#*:}/; s/^#http_port = .*/http_port = 0/" "$root/etc/runnel/runnel.toml"
install -d -o nobody "$root/var/lib/runnel" "$root/run/runnel"
deno run --quiet --allow-all tests/packaging/notify_listener.ts "$root/run/notify" > "$work/told" 2>&1 &
until_told() { for _ in $(seq 150); do grep -q "$1" "$work/told" && return; sleep 0.2; done; cat "$work/told"; return 1; }
start() {
  : > "$work/told"
  read -r -a command < <(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/runnel.service")
  chroot --userspec=nobody:nogroup "$root" env -C /var/lib/runnel NOTIFY_SOCKET=/run/notify WATCHDOG_USEC=1000000 RUNTIME_DIRECTORY=/run/runnel \
    "${command[@]}" > "$work/broker.log" 2>&1 &
  broker=$!
  until_told READY=1 || { cat "$work/broker.log"; return 1; }
}
stop() { kill -TERM "$broker" && wait "$broker"; }
sleep 1
check "it starts as the unit says, and tells systemd that it serves" start
check "the watchdog hears of it" until_told '^WATCHDOG=1'
produce() { echo kept | kcat -b "$BROKERS" -P -t first; }
check "a client is served" produce
check "it stops with 0" stop
check "it told systemd that it stops" until_told STOPPING=1

# ---- Upgrade

check "it upgrades" inside dpkg --force-confold -i "/packages/${newer##*/}"
is_newer() { [ "$(inside dpkg-query -W -f '${Version}' runnel)" = 0.1.1 ]; }
check "the newer one is there" is_newer
check "the configuration is its user's" grep -q "^kafka_port = ${BROKERS#*:}" "$root/etc/runnel/runnel.toml"
check "it starts again" start
is_kept() { kcat -b "$BROKERS" -C -t first -e -q | grep -qx kept; }
check "the data is there" is_kept
check "it stops again" stop

# ---- Purge

purge() { inside dpkg --purge runnel > "$work/purge.log" 2>&1; }
check "it is purged" purge
is_gone() { ! ls "$root/usr/bin/runnel" "$root/etc/runnel" "$root/usr/lib/systemd/system/runnel.service" "$root/etc/systemd/system/multi-user.target.wants/runnel.service"; }
check "nothing of it is left but the data" is_gone
check "the data is, and the purge says where" grep -q "the data is still in /var/lib/runnel" "$work/purge.log"
check "it is whole" test -s "$root/var/lib/runnel/first-0/00000000000000000000.log"

finish
