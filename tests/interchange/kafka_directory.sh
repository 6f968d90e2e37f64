#!/bin/bash
# The data directory is Kafka's: Runnel and Apache Kafka take turns on one directory, and each reads what the other wrote.
#   tests/interchange/kafka_directory.sh
# RUNNEL is the command that starts the broker under test (default: this checkout through deno). Kafka runs from the
# jars that kafka_tools.sh installs, with a configuration of its own and the same node id. Ledger.java keeps what was
# acknowledged and checks it byte for byte, record by record, at its offset. MEGABYTES (default 4) for each of CODECS;
# PARTS are "static" (a directory that Runnel began), "standalone" (one that Kafka began), "formatted" (one that Kafka
# formatted and Runnel began), "raised" (one that Runnel began, raised to Kafka 4.4's levels) "older" (one that Runnel
# 0.1 wrote) and "transactions" (in every state, on a directory that changes hands by kill -9 and by clean stops).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
clients=$here/../clients
. "$clients/checks.sh"
. "$clients/kafka_tools.sh"
. "$clients/broker.sh"
kafka_tools_install || { echo "kafka_directory.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
javac -d "$work" -cp "$KAFKA_LIBS/*" "$clients/Ledger.java" "$here/Continue.java" || { echo "0 passed, 1 failed"; exit 1; }
trap 'kill -KILL "${BROKER_PID:-none}" 2> /dev/null; rm -rf "$work"' EXIT
RUNNEL=${RUNNEL:-deno run --allow-net --allow-read --allow-write --allow-env --allow-sys=hostname,networkInterfaces,statfs $here/../../main.ts}
BYTES=$((${MEGABYTES:-4} * 1000000))
CODECS=${CODECS:-none gzip snappy lz4 zstd}
BROKERS=127.0.0.1:$(free_port)
controller=127.0.0.1:$(free_port)
data=$work/data
cluster=4L6g3nShT-eMCtK--X86sw
log=$work/kafka.log
topics="" # with a ledger
for_ever=2147483647 # minutes: a directory that was recorded once has old commits

# ---- The two brokers

runnel_start() {
  BROKER_LOG=$work/runnel.log
  : > "$BROKER_LOG"
  BROKER_COMMAND="$RUNNEL --kafka-port ${BROKERS#*:} --http-port $(free_port) --storage-path $data --storage-metadata-snapshot-bytes ${snapshot_bytes:-20971520} --groups-offsets-retention-minutes $for_ever"
  broker_start
}

# kafka_properties VOTERS   "static": the voters stand in the configuration; "standalone": in the log
kafka_properties() {
  cat > "$work/server.properties" <<P
process.roles=broker,controller
node.id=0
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://$BROKERS,CONTROLLER://$controller
advertised.listeners=PLAINTEXT://$BROKERS
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=50
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
num.recovery.threads.per.data.dir=1
offsets.retention.minutes=$for_ever
P
  case $1 in
    static) echo "controller.quorum.voters=0@$controller" ;;
    standalone) echo "controller.quorum.bootstrap.servers=$controller" ;;
  esac >> "$work/server.properties"
}
cat > "$work/kafka-log.properties" <<'P'
rootLogger.level = INFO
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
P
kafka_start() {
  : > "$log"
  BROKER_LOG=$log
  BROKER_COMMAND="java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=$work/kafka-log.properties -cp '$KAFKA_LIBS/*' kafka.Kafka $work/server.properties"
  broker_start 90
}
kafka_stop() { # ends with 143 after SIGTERM, when everything is on the disk
  kill -TERM "$BROKER_PID" || return
  wait "$BROKER_PID"
  [ $? = 143 ] && [ -f "$data/.kafka_cleanshutdown" ]
}
# Kafka's own opinion of what it found: no error in its log, no stray partition, nothing it had to mend.
# On a busy machine a Kafka tells of its own controller: of its slowness, and that it registered before it led.
kafka_content() {
  if grep -nE ' (ERROR|FATAL) |stray partition|Stray|[Cc]orrupt|[Rr]ebuilding (index|offset)|Deleting unflushed|misordered' "$log" |
    grep -vE 'Exceptionally slow controller event|Unexpected error handling request RequestHeader\(apiKey=CONTROLLER_REGISTRATION' | head -5 | grep .; then return 1; fi
  ! find "$data" -maxdepth 1 -name '*-stray' | grep .
}
# Of the metadata log it looks at the last segment at every start.
kafka_skipped_recovery() {
  grep -q 'Skipping recovery of .* since clean shutdown file was found' "$log" && ! grep 'Recovering unflushed segment' "$log" | grep -v 'partition=__cluster_metadata-0'
}
# After an unclean stop it asks for a journal of the last run, and of Kafka's there is none.
runnel_skipped_recovery() { ! grep -E 'journal_unknown|torn_tail_cut' "$work/runnel.log"; }

runnel_content() { ! grep -E ' (warn|error) ' "$work/runnel.log" | grep -vE 'journal_unknown|torn_tail_cut'; }

# A snapshot in place of the log before it: with small limits Runnel has made one.
metadata_is_snapshotted() {
  ls "$data"/__cluster_metadata-0/*-*.checkpoint | grep -v '/0*-0*.checkpoint' && [ ! -f "$data/__cluster_metadata-0/00000000000000000000.log" ]
}

# ---- What is written and read

ledger() {
  timeout 300 java -Xms128m -Xmx512m -XX:+UseSerialGC -Dlog4j2.level=ERROR -cp "$work:$KAFKA_LIBS/*" Ledger "$@"
}
kafka_topics() { tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" "$@"; }
create() { kafka_topics --create --replication-factor 1 --topic "$@"; }
write() { # topic, codec, [a config more]
  create "$1" --partitions 2 --config segment.bytes=2097152 ${3:+--config "$3"} && ledger write "$BROKERS" "$1" 2 "$2" all "$BYTES" "$work/$1.ledger" && topics="$topics $1"
}
write_each() { for codec in $CODECS; do write "$1-$codec" "$codec" || return; done; }
read_each() { for name in $topics; do ledger read "$BROKERS" "$name" 2 "$work/$name.ledger" || return; done; }

# Facts about topics that both brokers must tell in the same words.
facts() {
  kafka_topics --describe | sed -nE 's/.*Topic: ([^\t]*)\tTopicId: ([^\t]*)\tPartitionCount: ([0-9]*).*/\1 \2 \3/p' | sort &&
    tool "$config_command" --bootstrap-server "$BROKERS" --describe --entity-type topics | sed 's/^Dynamic configs/\n&/' | sort
}
keep_facts() { facts > "$work/facts" && [ -s "$work/facts" ]; }
same_facts() { facts > "$work/facts.new" && diff "$work/facts" "$work/facts.new"; }

compacted() {
  create compacted --partitions 1 --config cleanup.policy=compact --config min.compaction.lag.ms=60000 --config segment.ms=3600000 &&
    for i in $(seq 200); do echo "key-$((i % 10)):value-$i"; done > "$work/compacted" &&
    tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BROKERS" --topic compacted --reader-property parse.key=true \
      --reader-property key.separator=: < "$work/compacted"
}
read_compacted() {
  tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BROKERS" --topic compacted --partition 0 --offset earliest --max-messages 200 \
    --timeout-ms 15000 --formatter-property print.key=true --formatter-property key.separator=: > "$work/got" && cmp "$work/compacted" "$work/got"
}

# Groups read ten records further each time, from where their commits say they were: under whichever broker. The hash of
# the one id is positive, that of the other negative, which decides in which partition it is looked for.
group_topic() {
  create grouped --partitions 1 && seq 1000 > "$work/numbers" &&
    tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BROKERS" --topic grouped < "$work/numbers"
}
group_at=0
group_goes_on() {
  for group in readers my-group; do
    tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BROKERS" --topic grouped --group $group --max-messages 10 \
      --timeout-ms 30000 --command-property auto.offset.reset=earliest > "$work/got" || return
    seq $((group_at + 1)) $((group_at + 10)) | diff - "$work/got" || return
  done
  group_at=$((group_at + 10))
}

# An idempotent producer that goes on, under the other broker, where its sequence numbers were.
producer_goes_on() { # topic, stop, start
  create "$1" --partitions 1 && keep_facts || return
  rm -f "$work/ready" "$work/go"
  timeout 300 java -Xmx128m -XX:+UseSerialGC -Dlog4j2.level=ERROR -cp "$work:$KAFKA_LIBS/*" Continue "$BROKERS" "$1" 500 "$work" > "$work/going" 2>&1 &
  local producer=$!
  until [ -f "$work/ready" ]; do kill -0 "$producer" 2> /dev/null || { cat "$work/going"; return 1; }; sleep 0.05; done
  "$2" && "$3" && touch "$work/go" && wait "$producer" || { cat "$work/going"; return 1; }
  tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BROKERS" --topic "$1" --partition 0 --offset earliest \
    --max-messages 1000 --timeout-ms 15000 > "$work/got" && seq 0 999 | cmp - "$work/got"
}

everything() { # who, before
  check "$1 tells the same topics, ids and configs" same_facts
  check "$1 has every record of $2 at its offset" read_each
  check "$1 reads the compacted topic" read_compacted
  check "$1: the group goes on from its commits" group_goes_on
}

# ---- A directory that Runnel began

began_by_runnel() {
  kafka_properties static
  check "Runnel starts on an empty directory" runnel_start
  check "Runnel takes every codec" write_each first
  check "Runnel takes a compacted topic" compacted
  check "Runnel takes a topic for a group" group_topic
  check "Runnel tells topics, ids and configs" keep_facts
  everything Runnel itself
  check "an idempotent producer goes on over the change from Runnel to Kafka" producer_goes_on to-kafka broker_stop kafka_start
  check "Kafka believes Runnel's clean stop" kafka_skipped_recovery
  everything Kafka Runnel
  check "Kafka has no complaint" kafka_content
  check "Kafka writes more" write second gzip
  check "Kafka writes into segments that are as long as they may become" write ahead none preallocate=true
  snapshot_bytes=1000
  check "an idempotent producer goes on over kill -9 of Kafka and the change to Runnel" producer_goes_on to-runnel broker_kill runnel_start
  everything Runnel "a killed Kafka"
  check "Runnel has no complaint, but for the journal that Kafka has not" runnel_content
  check "Runnel writes more" write third zstd
  check "Runnel tells topics, ids and configs" keep_facts
  check "Runnel has put a snapshot in the place of the metadata log" metadata_is_snapshotted
  check "Runnel is killed" broker_kill
  check "Kafka starts on what a killed Runnel left" kafka_start
  everything Kafka "a killed Runnel"
  check "Kafka stops cleanly" kafka_stop
  check "Runnel starts after a clean stop of Kafka" runnel_start
  check "Runnel believes Kafka's clean stop" runnel_skipped_recovery
  everything Runnel "a stopped Kafka"
  check "Runnel stops cleanly" broker_stop
}

# ---- A directory that Kafka began, its voters in the log

began_by_kafka() {
  rm -rf "$data"
  snapshot_bytes=1000
  topics="" group_at=0
  kafka_properties standalone
  check "kafka-storage format --standalone" tool kafka.tools.StorageTool format --standalone -t $cluster -c "$work/server.properties"
  check "Kafka starts on it" kafka_start
  check "Kafka takes every codec" write_each first
  check "Kafka takes a compacted topic" compacted
  check "Kafka takes a topic for a group" group_topic
  check "Kafka tells topics, ids and configs" keep_facts
  everything Kafka itself
  check "Kafka tells topics, ids and configs" keep_facts
  check "Kafka stops cleanly" kafka_stop
  check "Runnel starts on it" runnel_start
  everything Runnel Kafka
  check "Runnel writes more" write second snappy
  check "Runnel has put a snapshot in the place of the metadata log" metadata_is_snapshotted
  check "an idempotent producer goes on over the change back to Kafka" producer_goes_on back broker_stop kafka_start
  check "Kafka believes Runnel's clean stop" kafka_skipped_recovery
  everything Kafka Runnel
  check "Kafka has no complaint" kafka_content
  check "Kafka is killed" broker_kill
}

# ---- A directory that Kafka formatted, and Runnel was the first to start on

formatted_by_kafka() {
  rm -rf "$data"
  snapshot_bytes=20971520 topics="" group_at=0
  kafka_properties standalone
  check "kafka-storage format --standalone" tool kafka.tools.StorageTool format --standalone -t $cluster -c "$work/server.properties"
  check "Runnel begins it" runnel_start
  check "Runnel takes a topic for a group" group_topic
  check "Runnel: the group begins" group_goes_on
  check "Runnel stops cleanly" broker_stop
  check "Kafka starts on it" kafka_start
  check "Kafka has the levels that it formatted" kafka_has_levels "$level_name"
  check "Kafka: the group goes on from its commits" group_goes_on
  check "Kafka has no complaint" kafka_content
  check "Kafka stops cleanly" kafka_stop
  check "Runnel starts on it" runnel_start
  check "Runnel: the group goes on from its commits" group_goes_on
  check "Runnel stops cleanly" broker_stop
}
# kafka_has_levels LEVEL   metadata.version, as the tools name it, and the cluster's min.insync.replicas that comes with it
case $KAFKA_VERSION in 4.3.*) level_name=4.3-IV0 ;; *) level_name=4.4-IV2 ;; esac
kafka_has_levels() {
  tool org.apache.kafka.tools.FeatureCommand --bootstrap-server "$BROKERS" describe | grep "metadata.version.*FinalizedVersionLevel: $1" &&
    tool "$config_command" --bootstrap-server "$BROKERS" --describe --entity-type brokers --entity-default | grep 'min.insync.replicas=1'
}

# ---- A directory that Runnel began and an operator raised to Kafka 4.4's levels

# One by one: --release-version names kraft.version as well, and the voters stay where the directory was begun to have them.
kafka_has_voters() { tool org.apache.kafka.tools.FeatureCommand --bootstrap-server "$BROKERS" describe | grep 'kraft.version.*FinalizedVersionLevel: 1'; }
raise() {
  tool org.apache.kafka.tools.FeatureCommand --bootstrap-server "$BROKERS" upgrade --feature metadata.version=33 --feature share.version=2
}
raised() {
  case $KAFKA_VERSION in 4.[0-3].*) return ;; esac
  rm -rf "$data"
  snapshot_bytes=20971520 topics="" group_at=0
  kafka_properties static
  check "Runnel starts on an empty directory" runnel_start
  check "Runnel takes a topic for a group" group_topic
  check "Runnel: the group begins" group_goes_on
  check "Runnel begins at the levels of Kafka 4.3" kafka_has_levels 4.3-IV0
  check "kafka-features upgrade" raise
  check "Runnel tells the level" kafka_has_levels 4.4-IV2
  check "Runnel is killed" broker_kill
  check "Kafka starts on it" kafka_start
  check "Kafka has the levels" kafka_has_levels 4.4-IV2
  check "Kafka: the group goes on from its commits" group_goes_on
  check "Kafka has no complaint" kafka_content
  check "Kafka raises the whole release, and puts its voters into the log" \
    tool org.apache.kafka.tools.FeatureCommand --bootstrap-server "$BROKERS" upgrade --release-version 4.4
  check "Kafka stops cleanly" kafka_stop
  snapshot_bytes=1000
  check "Runnel starts on it" runnel_start
  check "Runnel has the level" kafka_has_levels 4.4-IV2
  check "Runnel: the group goes on from its commits" group_goes_on
  check "Runnel writes more" write more none
  check "Runnel has put a snapshot in the place of the metadata log" metadata_is_snapshotted
  check "Runnel stops cleanly" broker_stop
  check "Kafka starts on it again" kafka_start
  check "Kafka has its voters in the log" kafka_has_voters
  check "Kafka: the group goes on from its commits" group_goes_on
  check "Kafka has no complaint" kafka_content
  check "Kafka is killed" broker_kill
}

# ---- A directory of Runnel 0.1, which kept groups whose hash is negative in another partition than Kafka. The archive is
# what that version wrote: the topic `grouped` with the numbers 1 to 1000, of which both groups have read ten.

older_began() { mkdir "$data" && tar -xzf "$here/runnel-0.1.tar.gz" -C "$data" && seq 1000 > "$work/numbers"; }
began_by_older() {
  rm -rf "$data"
  snapshot_bytes=20971520 topics="" group_at=10
  kafka_properties static
  check "a directory of Runnel 0.1 is laid out" older_began
  check "Runnel starts on it" runnel_start
  check "Runnel: the groups go on from what Runnel 0.1 committed" group_goes_on
  check "Runnel stops cleanly" broker_stop
  check "Kafka starts on it" kafka_start
  check "Kafka: the groups go on from their commits" group_goes_on
  check "Kafka has no complaint" kafka_content
  check "Kafka is killed" broker_kill
  check "Runnel starts on what a killed Kafka left" runnel_start
  check "Runnel: the groups go on from their commits" group_goes_on
  check "Runnel stops cleanly" broker_stop
}

# ---- Transactions

# Some committed, aborted and open. With "killed" many more are ended while the broker is killed, so that some of them are
# prepared: asked to be ended, and answered, and without all of their markers.
transactions() { deno run --no-check --allow-net --allow-read --allow-write --allow-run --allow-env "$here/transactions.ts" "$@"; }
transactions_written() { transactions write "$BROKERS" "$work/transactions" ${1:+"$BROKER_PID"}; }
transactions_killed() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do # on a busy machine the kill comes when all are ended
    transactions_written killed || return
    wait "$BROKER_PID" 2> /dev/null
    transactions prepared "$data" && return
    "$1" || return
  done
  return 1
}
transactions_checked() { transactions check "$BROKERS" "$work/transactions" "$@"; }

change_transactions() {
  rm -rf "$data"
  kafka_properties static
  check "Runnel starts on an empty directory" runnel_start
  check "Runnel has transactions in every state, and is killed with some prepared" transactions_killed runnel_start
  check "Kafka starts on it" kafka_start
  check "Kafka ends what Runnel prepared, and goes on with what was open" transactions_checked kafka
  check "Kafka has no complaint" kafka_content
  check "Kafka has transactions in every state, and is killed with some prepared" transactions_killed kafka_start
  check "Runnel starts on it" runnel_start
  check "Runnel ends what Kafka prepared, and goes on with what was open" transactions_checked
  check "Runnel has transactions, one of them open" transactions_written
  check "Runnel stops cleanly" broker_stop
  check "Kafka starts on it" kafka_start
  check "Kafka goes on with what was open" transactions_checked
  check "Kafka has transactions, one of them open" transactions_written
  check "Kafka stops cleanly" kafka_stop
  check "Runnel starts on it" runnel_start
  check "Runnel goes on with what was open" transactions_checked
  check "Runnel stops cleanly" broker_stop
}

for part in ${PARTS:-static standalone formatted raised older transactions}; do
  case $part in
    static) began_by_runnel ;;
    standalone) began_by_kafka ;;
    formatted) formatted_by_kafka ;;
    raised) raised ;;
    older) began_by_older ;;
    transactions) change_transactions ;;
    *) check "PARTS has $part, needs static, standalone, formatted, raised, older or transactions" false ;;
  esac
done
finish
