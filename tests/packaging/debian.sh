#!/bin/bash
# The Debian package in a Debian of its own: installed, started as its unit says, purged; then 0.1.0 is installed, upgraded
# over its data, taken back, killed, upgraded again; what it told systemd, what stayed of configuration and data.
# tests/packaging/debian.sh EXECUTABLE; needs root, debootstrap, kcat and deno. SUITE=bullseye: in another Debian.
#
# 0.1.0 is made here, of the oldest commit that makes a package: with a clone that has not the history its part is left out.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/clients/checks.sh
. tests/clients/broker.sh
executable=$(realpath "$1")
root=$work/root
oldest=8448cfa1ccd1e9393ad22c6171cc97d524767450
trap 'kill $(jobs -p) 2> /dev/null; umount -l "$root/proc" 2> /dev/null; rm -rf --one-file-system "$work"' EXIT
inside() { chroot "$root" env DEBIAN_FRONTEND=noninteractive "$@"; }

# ---- The packages, and a Debian

tools=${RUNNEL_COMPILE_TOOLS:-$PWD/dist/compile-tools}
unset RUNNEL_COMPILE_TOOLS # which is no option of the broker
make_older() (
  export RUNNEL_COMPILE_TOOLS=$tools
  mkdir "$work/0.1.0" && git archive "$oldest" | tar -x -C "$work/0.1.0" && cd "$work/0.1.0" &&
    sh packaging/compile.sh dist/runnel > "$work/compile.log" 2>&1 && COMPRESSION=none packaging/debian.sh dist/runnel "$work"
)
newer=$(COMPRESSION=none packaging/debian.sh "$executable" "$work")
older=
if git cat-file -e "$oldest" 2> /dev/null; then make_older > "$work/older.log" 2>&1 & older=$!; fi
mirror=$(sed -n 's/^\(deb [^ ]*\|URIs: \)\(http[^ ]*\/debian\)\b.*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null | head -1)
DPKG_FORCE=unsafe-io debootstrap --variant=minbase "${SUITE:-bookworm}" "$root" ${mirror:+"$mirror"} > "$work/debootstrap.log" 2>&1 || { tail -5 "$work/debootstrap.log"; echo "0 passed, 1 failed"; exit 1; }
mount -t proc proc "$root/proc"
is_made() { wait "$1" || { cat "$work/older.log" "$work/compile.log"; return 1; }; }
if [ -n "$older" ]; then
  check "0.1.0 is made, of the oldest commit that makes a package" is_made "$older"
  older=$(tail -1 "$work/older.log")
fi
mkdir "$root/packages" && mv "$newer" ${older:+"$older"} "$root/packages/"

# ---- The unit, as systemd reads it

unit() { sed "s|^ExecStart=/usr/bin/runnel|ExecStart=$executable|" packaging/runnel.service > "$work/runnel.service" && systemd-analyze verify --man=no "$work/runnel.service"; }
if command -v systemd-analyze > /dev/null; then check "systemd finds nothing wrong with the unit" unit; fi

# ---- The oldest C library that the package asks for, which is Debian 11's: nothing but that and libgcc beside the executable

old=$work/old
asks_for() { dpkg-deb -f "$root/packages/${newer##*/}" Depends | sed -n 's/.*libc6 (>= \([0-9.]*\)).*/\1/p'; }
lay_out_old() (
  mkdir -p "$old/state/lists/partial" "$old/cache/archives/partial" "$old/root/proc" "$old/root/tmp" && cd "$old" || exit
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} bullseye main" > sources.list
  apt=(apt-get -q -o Dir::Etc::SourceList="$old/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State="$old/state" -o Dir::Cache="$old/cache" -o Dir::State::status=/dev/null)
  "${apt[@]}" update && "${apt[@]}" download libc6 libgcc-s1 || exit
  for package in *.deb; do dpkg-deb -x "$package" root || exit; done
  ln "$executable" root/runnel 2> /dev/null || cp "$executable" root/runnel
)
is_claimed() { chroot "$old/root" /lib/*-linux-gnu/libc.so.6 | grep -q "GLIBC $(asks_for)-"; }
runs_there() { unshare --mount sh -c 'mount -t proc proc "$1/proc" && chroot "$1" /runnel serve --help && chroot "$1" /runnel version' _ "$old/root"; }
check "the oldest C library is fetched" lay_out_old
check "it is the one that the package asks for" is_claimed
check "the executable runs on it" runs_there

# ---- Install, start as the unit does, and purge

version_of() { sed 's/.*runnel_\([^_]*\)_.*/\1/' <<< "$1"; }
installs() { inside dpkg --force-confold --force-unsafe-io -i "/packages/${1##*/}" && [ "$(inside dpkg-query -W -f '${Version}' runnel)" = "$(version_of "$1")" ]; }
is_version() { inside runnel version | grep -q "^runnel $(version_of "$1") "; }
BROKERS=127.0.0.1:$(free_port)
export BROKERS RUNNEL_BOOTSTRAP=$BROKERS
configure() { sed -i "s/^#kafka_port = .*/kafka_port = ${BROKERS#*:}/; s/^#http_port = .*/http_port = 0/" "$root/etc/runnel/runnel.toml"; }
runs() { kill -0 "$broker" 2> /dev/null; }
until_told() { for _ in $(seq 150); do grep -q "$1" "$work/told" && return; runs || break; sleep 0.2; done; cat "$work/told"; return 1; }
until_served() { for _ in $(seq 150); do (exec 3<> "/dev/tcp/${BROKERS/://}") 2> /dev/null && return; runs || break; sleep 0.2; done; return 1; }
start() { # how it is known to serve
  : > "$work/told"
  read -r -a command < <(sed -n 's/^ExecStart=//p' "$root/usr/lib/systemd/system/runnel.service")
  chroot --userspec=nobody:nogroup "$root" env -C /var/lib/runnel NOTIFY_SOCKET=/run/notify WATCHDOG_USEC=1000000 RUNTIME_DIRECTORY=/run/runnel \
    "${command[@]}" > "$work/broker.log" 2>&1 &
  broker=$!
  "$@" || { cat "$work/broker.log"; return 1; }
}
stop() { kill -TERM "$broker" && wait "$broker"; }
kill_it() { kill -KILL "$broker" && { wait "$broker" 2> /dev/null || true; }; }
is_silent() { grep -q '^Runnel ' "$work/broker.log" && ! grep -E ' (WARN|ERROR) ' "$work/broker.log"; }

check "it installs" installs "$newer"
check "the executable runs, and has the package's version" is_version "$newer"
check "the service is enabled" test -L "$root/etc/systemd/system/multi-user.target.wants/runnel.service"
configure
install -d -o nobody "$root/var/lib/runnel" "$root/run/runnel"
deno run --quiet --allow-all tests/packaging/notify_listener.ts "$root/run/notify" > "$work/told" 2>&1 &
for _ in $(seq 300); do [ "$(stat -c %a "$root/run/notify" 2> /dev/null)" = 777 ] && break; sleep 0.1; done # anybody may tell it
check "it starts as the unit says, and tells systemd that it serves" start until_told READY=1
check "the watchdog hears of it" until_told '^WATCHDOG=1'
produce() { echo kept | kcat -b "$BROKERS" -P -t first; }
check "a client is served" produce
check "it stops with 0" stop
check "it told systemd that it stops" grep -q STOPPING=1 "$work/told"

purge() { inside dpkg --purge runnel > "$work/purge.log" 2>&1; }
is_gone() { ! ls "$root/usr/bin/runnel" "$root/etc/runnel" "$root/usr/lib/systemd/system/runnel.service" "$root/etc/systemd/system/multi-user.target.wants/runnel.service"; }
purged() { # whose data stays
  check "it is purged" purge
  check "nothing of it is left but the data" is_gone
  check "the data is, and the purge says where" grep -q "the data is still in /var/lib/runnel" "$work/purge.log"
  check "it is whole" test -s "$root/var/lib/runnel/$1-0/00000000000000000000.log"
}
purged first

# ---- Upgrade from 0.1.0 over its data, back, and again after a kill

asked() { "$executable" "$@"; }
transactions() { deno run --no-check --allow-net --allow-read --allow-write --allow-run --allow-env tests/interchange/transactions.ts "$1" "$BROKERS" "$work/transactions"; }
data() {
  asked topic create orders --partitions 3 --config retention.ms=86400000 && seq 1000 | asked produce orders &&
    asked topic create grouped --partitions 1 && seq 1000 | asked produce grouped &&
    asked topic create compacted --partitions 1 --config cleanup.policy=compact && printf 'a:1\nb:2\na:3\n' | asked produce compacted --key-separator : &&
    asked quota set --client-id loader producer_byte_rate=1000000 && echo word | asked user add ann --password-stdin
}
facts() {
  for topic in orders grouped compacted; do asked topic describe "$topic" --json | sed 's/,"bytes":[^}]*//g'; done
  asked export && asked user list &&
    asked consume orders | sort -n && asked consume compacted --key-separator :
}
group_at=0
groups_go_on() { # of both protocols: the next ten records
  asked consume grouped --group consumer --count 10 > "$work/consumer" && kcat -b "$BROKERS" -q -X auto.offset.reset=earliest -c 10 -G classic grouped > "$work/classic" || return
  for group in consumer classic; do seq $((group_at + 1)) $((group_at + 10)) | diff - "$work/$group" || return; done
  group_at=$((group_at + 10))
}
is_there() { facts > "$work/now" && diff "$work/facts" "$work/now"; }
everything() {
  check "$1: topics with their ids and configs, quotas, users and every record are there" is_there
  check "$1: the groups go on from their commits" groups_go_on
}
more() { seq 1001 1010 | asked produce orders && facts > "$work/facts"; }

upgraded() {
  rm -rf "${root:?}/var/lib/runnel" && install -d -o nobody "$root/var/lib/runnel"
  check "0.1.0 installs" installs "$older"
  check "it is 0.1.0" is_version "$older"
  configure
  check "it starts" start until_served
  check "it takes topics, records, a quota and a user" data
  check "its groups begin" groups_go_on
  check "it has transactions, one of them open" transactions write
  facts > "$work/facts"
  check "it stops with 0" stop

  check "it upgrades" installs "$newer"
  check "the newer one is there" is_version "$newer"
  check "the configuration is its user's" grep -q "^kafka_port = ${BROKERS#*:}" "$root/etc/runnel/runnel.toml"
  check "it starts on the data of 0.1.0" start until_told READY=1
  everything "after the upgrade"
  check "what was open can be committed, what was committed is read" transactions check
  check "it has nothing to say about them" is_silent
  check "it takes more" more
  check "it stops again" stop

  check "0.1.0 is put back" installs "$older"
  check "0.1.0 starts on the data of the newer one" start until_served
  everything "after the way back"
  check "it takes more" more
  check "it is killed" kill_it
  check "it upgrades again" installs "$newer"
  check "it starts on what the killed 0.1.0 left" start until_told READY=1
  everything "after the kill"
  check "it stops at last" stop
  purged grouped
}
if [ -n "$older" ]; then upgraded; else echo "ok   debian: left out: this clone has not the history that 0.1.0 is made of"; fi

finish
