#!/bin/bash
# A group of Java consumers goes from the classic protocol to the consumer protocol (KIP-848) and back, one member at a
# time, while a producer writes: BROKERS=127.0.0.1:9092 tests/clients/group_migration.sh
# ASSIGNOR is the classic members' strategy: of cooperative members by default, or an eager one
# (org.apache.kafka.clients.consumer.RangeAssignor). RECORDS (default 12000) are written at 300 a second.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "group_migration.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
ASSIGNOR=${ASSIGNOR:-org.apache.kafka.clients.consumer.CooperativeStickyAssignor}
RECORDS=${RECORDS:-12000}
TOOL_SECONDS=300
group=$topic

groups() { tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BROKERS" "$@"; }
# member NAME PROTOCOL: starts it; its pid goes to ${pids[NAME]}, what it read to $work/NAME.*
declare -A pids
lives=0
member() {
  local options=(--group-protocol "$2")
  [ "$2" = consumer ] || options+=(--assignment-strategy "$ASSIGNOR" --session-timeout 10000)
  lives=$((lives + 1))
  # shellcheck disable=SC2086
  java $JVM -cp "$KAFKA_LIBS/*" -Dlog4j2.level=WARN org.apache.kafka.tools.VerifiableConsumer \
    --bootstrap-server "$BROKERS" --topic "$topic" --group-id "$group" --reset-policy earliest --verbose "${options[@]}" \
    > "$work/$1.$lives.consumed" 2> "$work/$1.$lives.err" < /dev/null &
  pids[$1]=$!
}
stop() { kill -TERM "${pids[$1]}" && { wait "${pids[$1]}" 2> /dev/null || true; }; }
# is TYPE MEMBERS: waits until the group is of this type and stable with so many members
is() {
  for _ in $(seq 25); do
    groups --list --state > "$work/states"
    tool org.apache.kafka.tools.GroupsCommand --bootstrap-server "$BROKERS" --list > "$work/types"
    groups --describe --group "$group" --members > "$work/members"
    grep -Eq "^$group +Stable" "$work/states" && grep -Eiq "^$group +$1 " "$work/types" &&
      [ "$(grep -c "^$group " "$work/members")" = "$2" ] && return
    sleep 0.5
  done
  cat "$work/states" "$work/types" "$work/members"
  return 1
}

tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" --create --topic "$topic" --partitions 6 > "$out" 2>&1
tool org.apache.kafka.tools.VerifiableProducer --bootstrap-server "$BROKERS" --topic "$topic" \
  --max-messages "$RECORDS" --throughput 300 --acks -1 > "$work/produced" 2> "$work/produced.err" < /dev/null &
producer=$!
member a classic
member b classic
check "two classic members" is Classic 2
stop a
member a consumer
check "one changes over: a consumer group with a classic member" is Consumer 2
stop b
member b consumer
check "the other changes over: a consumer group" is Consumer 2
stop a
member a classic
check "one goes back: still a consumer group" is Consumer 2
stop b
member b classic
check "the other goes back: a classic group" is Classic 2

wait "$producer"
all_read() {
  for _ in $(seq 30); do
    cat "$work"/*.consumed | sed -nE 's/.*"name":"record_data".*"value":"([0-9]+)".*/\1/p; s/.*"value":"([0-9]+)".*"name":"record_data".*/\1/p' | sort -n > "$work/read"
    [ "$(uniq "$work/read" | wc -l)" = "$RECORDS" ] && break
    sleep 1
  done
  echo "$(wc -l < "$work/read") read, $(uniq "$work/read" | wc -l) different ones of $RECORDS"
  grep -q "\"acked\":$RECORDS" "$work/produced" && [ "$(uniq "$work/read" | wc -l)" = "$RECORDS" ]
}
check "no record was missed" all_read
tail -1 "$out"
stop a
stop b
finish
