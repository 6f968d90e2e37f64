#!/bin/bash
# Kafka's group tools against two brokers, side by side: the text must be the same, ids, addresses and times aside.
#   BROKERS=127.0.0.1:9092 REF=127.0.0.1:19092 tests/clients/side_by_side.sh
# REF is an Apache Kafka. Without it there is nothing to compare with, and the suite says so and passes nothing.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
if [ -z "${REF:-}" ]; then echo "     $suite: skipped, REF names no reference broker"; exit 0; fi
kafka_tools_install || { echo "side_by_side.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
trap 'kill -KILL $(cat "$work"/*.pid) 2> /dev/null; rm -rf "$work"' EXIT
gone=$topic-gone # a group that has left; and two that stay, one of each protocol
classic=$topic-classic consumer=$topic-consumer

groups() { tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$address" "$@"; }
list_groups() { tool org.apache.kafka.tools.GroupsCommand --bootstrap-server "$address" --list | grep -E "GROUP|$topic" | sort; }
configs() { tool "$config_command" --bootstrap-server "$address" "$@"; }
reset() { groups --reset-offsets --group "$gone" "$@"; }
reader() { # group, more: stays
  # shellcheck disable=SC2086
  java $JVM -cp "$KAFKA_LIBS/*" -Dlog4j2.level=OFF org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --topic "$topic" \
    --from-beginning --group "$@" > /dev/null 2>&1 &
  echo $! > "$work/$side.$1.pid"
}
settled() { # group, protocol: its one member has the three partitions
  for _ in $(seq 20); do
    [ "$(groups --describe --members --group "$1" 2> /dev/null | awk 'NF && !/GROUP/ { print $NF }')" = 3 ] && return
  done
  echo "$1 did not settle"
}

# What is run on both sides, in this order: a title, and the command.
script() {
  say "kafka-groups --list" list_groups
  say "--list --state" all_states
  say "--describe of a group that has left" groups --describe --group "$gone"
  say "--describe --state of it" groups --describe --state --group "$gone"
  say "--describe --members --verbose of it" groups --describe --members --verbose --group "$gone"
  say "--describe of a group that never was" groups --describe --group "$topic-never"
  for group in "$classic" "$consumer"; do
    say "--describe of ${group#"$topic-"}" groups --describe --group "$group"
    say "--describe --verbose of ${group#"$topic-"}" groups --describe --verbose --group "$group"
    say "--describe --state of ${group#"$topic-"}" groups --describe --state --group "$group"
    say "--describe --state --verbose of ${group#"$topic-"}" groups --describe --state --verbose --group "$group"
    say "--describe --members of ${group#"$topic-"}" groups --describe --members --group "$group"
    say "--describe --members --verbose of ${group#"$topic-"}" groups --describe --members --verbose --group "$group"
    say "--delete of ${group#"$topic-"}, which has members" groups --delete --group "$group"
    say "--delete-offsets of ${group#"$topic-"}, which reads the topic" groups --delete-offsets --group "$group" --topic "$topic"
    say "--reset-offsets of ${group#"$topic-"}, which has members" groups --reset-offsets --group "$group" --topic "$topic" --to-earliest --execute
  done
  say "--reset-offsets --to-earliest, dry" reset --topic "$topic" --to-earliest --dry-run
  say "--reset-offsets --to-earliest" reset --topic "$topic" --to-earliest --execute
  say "--reset-offsets --to-latest" reset --all-topics --to-latest --execute
  say "--reset-offsets --to-offset, two partitions" reset --topic "$topic:0,1" --to-offset 2 --execute
  say "--reset-offsets --to-offset past the end" reset --topic "$topic" --to-offset 1000 --execute
  say "--reset-offsets --shift-by" reset --topic "$topic" --shift-by -1 --execute
  say "--reset-offsets --by-duration" reset --topic "$topic" --by-duration PT1H --execute
  say "--reset-offsets --to-datetime" reset --topic "$topic" --to-datetime 2020-01-01T00:00:00.000 --execute
  say "--reset-offsets --to-current, exported" reset --topic "$topic" --to-current --export --dry-run
  printf '%s,0,1\n%s,2,3\n' "$topic" "$topic" > "$work/$side.csv"
  say "--reset-offsets --from-file" reset --from-file "$work/$side.csv" --execute
  say "--reset-offsets of an unknown topic" reset --topic "$topic-never" --to-earliest --execute
  say "--describe after all of them" groups --describe --group "$gone"
  say "--delete-offsets of one partition" groups --delete-offsets --group "$gone" --topic "$topic:1"
  say "--delete-offsets of an unknown topic" groups --delete-offsets --group "$gone" --topic "$topic-never"
  say "--describe without them" groups --describe --group "$gone"
  say "--delete" groups --delete --group "$gone"
  say "--delete again" groups --delete --group "$gone"
  say "kafka-configs --alter of a group" configs --alter --entity-type groups --entity-name "$consumer" --add-config consumer.session.timeout.ms=50000
  say "kafka-configs --describe of a group" configs --describe --entity-type groups --entity-name "$consumer"
  say "kafka-configs --delete-config of a group" configs --alter --entity-type groups --entity-name "$consumer" --delete-config consumer.session.timeout.ms
}
all_states() { groups --list --state | grep -E "GROUP|$topic" | sort; }

# say TITLE COMMAND...   keeps what the command printed, sorted: rows come in the order of a hash map
number=0
say() {
  number=$((number + 1))
  echo "$1" > "$work/$(printf %02d $number).title"
  shift
  "$@" 2>&1 | normal | sort > "$work/$(printf %02d $number).$side"
}
normal() {
  sed -E "s/$address/ADDRESS/g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g; s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g; s/(^| )[A-Za-z0-9_-]{22}( |\$)/\1ID\2/g
    s/\(id: [0-9]+/(id: N/; s/ADDRESS *\([0-9]+\)/ADDRESS (N)/; s/ +/ /g; s/ \$//; /^\$/d; /^\tat /d"
}

prepare() {
  tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --create --topic "$topic" --partitions 3 --replication-factor 1 &&
    seq 30 | sed 's/.*/key-&:&/' | tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$address" --topic "$topic" \
      --reader-property parse.key=true --reader-property key.separator=: &&
    tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --topic "$topic" --from-beginning --max-messages 30 \
      --group "$gone" --timeout-ms 30000 > /dev/null || return
  reader "$classic"
  reader "$consumer" --command-property group.protocol=consumer
  settled "$classic" && settled "$consumer" && sleep 6 # and the first offsets are committed
}
one_side() {
  side=$1 address=$2
  prepare && script
  kill $(cat "$work/$side."*.pid)
  sleep 1
  for group in "$classic" "$consumer"; do groups --delete --group "$group"; done
  tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --delete --topic "$topic"
}

one_side ref "$REF" > "$work/ref.log" 2>&1 &
reference=$!
one_side ours "$BROKERS" > "$work/ours.log" 2>&1
wait $reference
same() { [ -s "$work/$1.ref" ] && diff "$work/$1.ref" "$work/$1.ours"; }
for title in "$work"/*.title; do
  step=$(basename "$title" .title)
  check "$(cat "$title")" same "$step"
done
[ $passed -gt 0 ] || cat "$work/ref.log" "$work/ours.log"
finish
