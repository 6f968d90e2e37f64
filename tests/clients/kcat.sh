#!/bin/bash
# kcat (librdkafka, Debian's package `kcat`) against a running broker: BROKERS=127.0.0.1:9092 tests/clients/kcat.sh
# Metadata, every codec there and back, keys, headers, null values, reads by offset and by timestamp.
# kcat creates no topics, so the broker must create them when they are first asked for (auto_create_topics).
set -uo pipefail
. "$(dirname "$0")/checks.sh"
command -v kcat > /dev/null || { echo "kcat.sh needs kcat: apt-get install kcat"; echo "0 passed, 1 failed"; exit 1; }

k() { timeout 60 kcat -b "$BROKERS" "$@"; }
# All of partition 0 of topic $1, one record a line in the format $2.
all() { k -q -C -t "$1" -p 0 -o beginning -e -f "$2"; }

lists() { k -L | grep ' 1 brokers:' > /dev/null && k -L | grep -E "broker [0-9]+ at $BROKERS" > /dev/null; }
check "-L names this broker at the address it was asked at" lists

auto_creates() { echo first | k -P -t "$topic" -p 0 && k -L -t "$topic" | grep -q "topic \"$topic\" with [1-9]"; }
check "producing to a new topic creates it" auto_creates

# 5,000 lines of uneven length, keys among them.
seq 5000 | awk '{ printf "key-%d\tvalue %d ", $1, $1; for (i = 0; i < $1 % 17; i++) printf "padding "; print "" }' > "$work/sent"
round_trip() { # codec, acks
  local t=$topic-$1-$2
  k -P -t "$t" -p 0 -K '\t' -z "$1" -X acks="$2" < "$work/sent" || return
  # acks=0 is not answered: give the last batch its time.
  for _ in $(seq 50); do
    all "$t" '%k\t%s\n' > "$work/got"
    [ "$(wc -l < "$work/got")" -ge 5000 ] && break
    sleep 0.2
  done
  cmp "$work/sent" "$work/got"
}
for codec in none gzip snappy lz4 zstd; do
  for acks in all 1 0; do check "$codec, acks $acks: 5,000 records return in order" round_trip "$codec" "$acks"; done
done

idempotent() {
  k -P -t "$topic-idempotent" -p 0 -K '\t' -X enable.idempotence=true < "$work/sent" &&
    all "$topic-idempotent" '%k\t%s\n' | cmp "$work/sent" -
}
check "an idempotent producer's records return once" idempotent

headers() {
  echo "with headers" | k -P -t "$topic-headers" -p 0 -H name=value -H empty= -H name=again &&
    [ "$(all "$topic-headers" '%h|%s')" = "name=value,empty=,name=again|with headers" ]
}
check "headers return, repeated names and empty values too" headers

nulls() { # -Z: an empty key or value is sent as null; kcat prints a null's length as -1
  printf 'k1\t\n\tv2\nk3\tv3\n' | k -P -t "$topic-null" -p 0 -K '\t' -Z &&
    all "$topic-null" '%K %S\n' > "$work/got" && diff "$work/got" - <<< $'2 -1\n-1 2\n2 2'
}
check "null keys and null values stay null" nulls

offsets() {
  local t=$topic-none-all
  [ "$(k -q -C -t "$t" -p 0 -o 4990 -e -f '%o\n' | head -1)" = 4990 ] &&
    [ "$(k -q -C -t "$t" -p 0 -o -3 -e -f '%o ')" = "4997 4998 4999 " ] &&
    [ "$(k -q -C -t "$t" -p 0 -o 10 -c 2 -f '%o ')" = "10 11 " ]
}
check "reads start at an offset, or at one counted from the end" offsets

by_time() {
  local t=$topic-time before after
  echo early | k -P -t "$t" -p 0 && sleep 1.1 || return
  before=$(date +%s%3N)
  echo late | k -P -t "$t" -p 0 && sleep 0.1 || return
  after=$(date +%s%3N)
  [ "$(k -q -C -t "$t" -p 0 -o "s@$before" -e)" = late ] &&
    [ "$(k -q -C -t "$t" -p 0 -o s@0 -e -f '%s ')" = "early late " ] &&
    [ "$(k -q -C -t "$t" -p 0 -o "s@$before" -o "e@$after" -e)" = late ] &&
    [ "$(k -Q -t "$t:0:$before")" = "$t [0] offset 1" ]
}
check "-o s@time and -Q find the first record at or after a time" by_time

large() {
  head -c 900000 /dev/urandom | base64 -w0 | head -c 900000 > "$work/large"
  k -P -t "$topic-large" -p 0 "$work/large" && all "$topic-large" '%s' | cmp "$work/large" -
}
check "a record of 900 KB returns" large

refused() { ! k -C -t "$topic-absent" -p 0 -e -X allow.auto.create.topics=false 2> "$work/err" && grep -qi unknown "$work/err"; }
check "consuming an unknown topic says so" refused

finish
