#!/bin/bash
# What was acknowledged is there: writes with the Java client and a ledger (Ledger.java), reads back, kills, reads again.
#   BROKERS=127.0.0.1:9092 tests/clients/durability.sh
# Round trips of BYTES (default 100 MB) for each of CODECS and of ACKS. With BROKER_COMMAND, which runs the broker in
# the foreground on the address in BROKERS, the suite starts the broker itself, and kills (-9) and restarts it:
# once under load with an idempotent producer that lives through it, and once at rest with every ledger read again.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
. "$(dirname "$0")/broker.sh"
kafka_tools_install || { echo "durability.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
BYTES=${BYTES:-100000000}
CODECS=${CODECS:-none gzip snappy lz4 zstd}
ACKS=${ACKS:-0 1 all}
partitions=3
javac -d "$work" -cp "$KAFKA_LIBS/*" "$(dirname "$0")/Ledger.java" || { echo "0 passed, 1 failed"; exit 1; }
JVM="-Xms256m -Xmx1g -XX:+UseSerialGC"
ledger() {
  # shellcheck disable=SC2086
  timeout "${LEDGER_SECONDS:-900}" java $JVM -Dlog4j2.level=ERROR -cp "$work:$KAFKA_LIBS/*" Ledger "$@"
}
create() { # name
  tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" --create --topic "$topic-$1" --partitions $partitions --replication-factor 1 \
    --config segment.bytes=8388608 > "$work/create" 2>&1 || { cat "$work/create"; return 1; }
}
write() { # name, codec, acks
  ledger write "$BROKERS" "$topic-$1" $partitions "$2" "$3" "$BYTES" "$work/$1.ledger"
}
read_back() { ledger read "$BROKERS" "$topic-$1" $partitions "$work/$1.ledger"; }
figures() { sed -n 's/^\(wrote\|read\) /       \1 /p' "$out"; }
round_trip() { create "$1-$2" && write "$1-$2" "$1" "$2" && read_back "$1-$2"; }

if [ -n "${BROKER_COMMAND:-}" ]; then
  trap 'kill -KILL "${BROKER_PID:-none}" 2> /dev/null; rm -rf "$work"' EXIT
  check "the broker starts" broker_start
fi

for codec in $CODECS; do
  for acks in $ACKS; do
    check "$codec, acks $acks: $((BYTES / 1000000)) MB return as they were sent" round_trip "$codec" "$acks"
    figures
  done
done

if [ -n "${BROKER_COMMAND:-}" ]; then
  killed_at_rest() { broker_kill && broker_start; }
  check "killed at rest, it starts again" killed_at_rest
  for codec in $CODECS; do
    for acks in $ACKS; do
      check "$codec, acks $acks: every record survived the kill" read_back "$codec-$acks"
    done
  done

  # A kill with each quarter that is on its way, however fast that goes, the later ones somewhat behind it.
  killed_under_load() {
    create under-load || return
    BYTES=$((BYTES * 2)) write under-load "lz4" all > "$work/writing" 2>&1 &
    local writer=$! kills=0 quarter
    for quarter in 1 2 3; do
      until [ -e "$work/under-load.ledger.$quarter" ] || ! kill -0 "$writer" 2> /dev/null; do sleep 0.02; done
      [ "$kills" = 0 ] || sleep "0.$((RANDOM % 4))"
      kill -0 "$writer" 2> /dev/null || break
      broker_kill && broker_start || return
      kills=$((kills + 1))
    done
    wait "$writer" || { cat "$work/writing"; return 1; }
    cat "$work/writing"
    echo "read  killed $kills times meanwhile"
    [ "$kills" -gt 0 ] && read_back under-load
  }
  check "killed under load, acks all: each record is there once, in order" killed_under_load
  figures
  check "a clean stop ends with exit code 0" broker_stop
  check "it starts again after the clean stop" broker_start
  check "and the records are there" read_back under-load
  check "it leaves its files at rest" broker_stop
fi
finish
