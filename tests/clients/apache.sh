#!/bin/bash
# Apache Kafka's command line tools against a running broker: BROKERS=127.0.0.1:9092 tests/clients/apache.sh
# RECORDS (default 20000) is how many records of 200 bytes each of the performance runs writes.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "apache.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }

topics() { tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" "$@"; }
configs() { tool "$config_command" --bootstrap-server "$BROKERS" "$@"; }
producer() { tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BROKERS" --topic "$@"; }
consumer() {
  tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$BROKERS" --timeout-ms 15000 --topic "$@" 2> "$work/err" ||
    { cat "$work/err" >&2; return 1; }
}
groups() { tool org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server "$BROKERS" "$@"; }
get_offsets() { tool org.apache.kafka.tools.GetOffsetShell --bootstrap-server "$BROKERS" --topic "$@"; }

api_versions() {
  tool org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$BROKERS" > "$work/versions" &&
    grep -Eq 'Produce\(0\): 0 to 1[0-9]' "$work/versions" && grep -Eq 'Fetch\(1\): 4 to 1[0-9]' "$work/versions"
}
check "kafka-broker-api-versions: Produce from 0, Fetch from 4" api_versions

cluster_id() { tool org.apache.kafka.tools.ClusterTool cluster-id --bootstrap-server "$BROKERS" | grep -Eq '^Cluster ID: [A-Za-z0-9_-]{22}$'; }
check "kafka-cluster cluster-id: 22 characters" cluster_id

create() { topics --create --topic "$topic" --partitions 2 --replication-factor 1 --config segment.bytes=1048576 --config retention.ms=86400000; }
check "kafka-topics --create" create
twice() { ! create > "$work/err" 2>&1 && grep -q 'already exists' "$work/err"; }
check "kafka-topics --create again says it exists" twice
describe() {
  topics --describe --topic "$topic" > "$work/described" &&
    grep -Eq "PartitionCount: 2.*segment.bytes=1048576" "$work/described" &&
    [ "$(grep -c 'Partition: .*Leader: [0-9]' "$work/described")" = 2 ]
}
check "kafka-topics --describe: partitions, leaders, configs" describe
add_partitions() { topics --alter --topic "$topic" --partitions 4 && topics --describe --topic "$topic" | grep -q 'PartitionCount: 4'; }
check "kafka-topics --alter to 4 partitions" add_partitions
fewer() { ! topics --alter --topic "$topic" --partitions 1 > "$work/err" 2>&1 && grep -qi 'partitions' "$work/err"; }
check "kafka-topics --alter to fewer partitions is refused" fewer
describe_configs() { configs --describe --entity-type topics --entity-name "$topic" | grep -q 'retention.ms=86400000'; }
check "kafka-configs --describe" describe_configs

console() {
  seq 1000 | sed 's/\(.*\)/key-\1:value-\1/' > "$work/sent"
  topics --create --topic "$topic-console" --partitions 1 --replication-factor 1 &&
    producer "$topic-console" --reader-property parse.key=true --reader-property key.separator=: < "$work/sent" &&
    consumer "$topic-console" --partition 0 --offset earliest --max-messages 1000 \
      --formatter-property print.key=true --formatter-property key.separator=: > "$work/got" &&
    cmp "$work/sent" "$work/got"
}
check "kafka-console-producer, and -consumer --partition 0 --offset earliest: 1,000 records" console
middle() { [ "$(consumer "$topic-console" --partition 0 --offset 500 --max-messages 1)" = value-501 ]; }
check "kafka-console-consumer --offset 500" middle

offsets() {
  [ "$(get_offsets "$topic-console")" = "$topic-console:0:1000" ] &&
    [ "$(get_offsets "$topic-console" --time earliest)" = "$topic-console:0:0" ] &&
    [ "$(get_offsets "$topic-console" --time 0)" = "$topic-console:0:0" ] &&
    get_offsets "$topic-console" --time max-timestamp | grep -Eq "^$topic-console:0:[0-9]+$"
}
check "kafka-get-offsets: latest, earliest, by time, max timestamp" offsets

features() { tool org.apache.kafka.tools.FeatureCommand --bootstrap-server "$BROKERS" describe | grep -q 'metadata.version'; }
check "kafka-features describe" features

group_reads() { # protocol
  consumer "$topic-console" --from-beginning --group "$topic-$1" --max-messages 1000 --command-property group.protocol="$1" > "$work/got" &&
    seq 1000 | sed 's/^/value-/' | cmp - "$work/got"
}
group_is_done() { # protocol
  groups --describe --group "$topic-$1" > "$work/described" &&
    awk -v topic="$topic-console" '$2 == topic { print $4, $5, $6 }' "$work/described" | grep -qx '1000 1000 0'
}
for protocol in classic consumer; do
  check "kafka-console-consumer --group, $protocol protocol: 1,000 records" group_reads "$protocol"
  check "kafka-consumer-groups --describe, $protocol protocol: committed to the end, no lag" group_is_done "$protocol"
done
listed() {
  groups --list > "$work/groups" && grep -qx "$topic-classic" "$work/groups" && grep -qx "$topic-consumer" "$work/groups" &&
    tool org.apache.kafka.tools.GroupsCommand --bootstrap-server "$BROKERS" --list > "$work/groups" &&
    grep -Eq "^$topic-classic +Classic" "$work/groups" && grep -Eq "^$topic-consumer +Consumer" "$work/groups"
}
check "kafka-consumer-groups --list and kafka-groups --list name both, with their types" listed
reset() {
  groups --reset-offsets --group "$topic-classic" --topic "$topic-console" --to-offset 990 --execute > "$work/reset" &&
    [ "$(consumer "$topic-console" --group "$topic-classic" --max-messages 1)" = value-991 ]
}
check "kafka-consumer-groups --reset-offsets: reading goes on from there" reset
verifiable() {
  tool org.apache.kafka.tools.VerifiableProducer --bootstrap-server "$BROKERS" --topic "$topic-verifiable" --max-messages 5000 --acks -1 > "$work/produced" &&
    grep -q '"acked":5000' "$work/produced" &&
    tool org.apache.kafka.tools.VerifiableConsumer --bootstrap-server "$BROKERS" --topic "$topic-verifiable" --group-id "$topic-verifiable" --max-messages 5000 > "$work/consumed" &&
    sed -nE '/"name":"records_consumed"/s/.*"count":([0-9]+),.*/\1/p' "$work/consumed" | awk '{ sum += $1 } END { exit sum < 5000 }'
}
check "kafka-verifiable-producer and -consumer: 5,000 records" verifiable
delete_groups() {
  groups --delete --group "$topic-classic" --group "$topic-consumer" > "$work/deleted" && ! groups --list | grep -q "^$topic-c"
}
check "kafka-consumer-groups --delete: gone from --list" delete_groups

delete_records() {
  printf '{"version":1,"partitions":[{"topic":"%s","partition":0,"offset":400}]}' "$topic-console" > "$work/delete.json"
  tool org.apache.kafka.tools.DeleteRecordsCommand --bootstrap-server "$BROKERS" --offset-json-file "$work/delete.json" | grep -q 'low_watermark: 400' &&
    [ "$(get_offsets "$topic-console" --time earliest)" = "$topic-console:0:400" ] &&
    [ "$(consumer "$topic-console" --partition 0 --offset earliest --max-messages 1)" = value-401 ]
}
check "kafka-delete-records: the log starts at 400 from then on" delete_records

log_dirs() {
  tool org.apache.kafka.tools.LogDirsCommand --bootstrap-server "$BROKERS" --describe --topic-list "$topic-console" > "$work/dirs" &&
    grep -Eq "\"partition\":\"$topic-console-0\",\"size\":[1-9]" "$work/dirs"
}
check "kafka-log-dirs: the partition and its size" log_dirs

RECORDS=${RECORDS:-20000}
perf() { # codec, acks
  tool org.apache.kafka.tools.ProducerPerformance --bootstrap-server "$BROKERS" --topic "$topic" --num-records "$RECORDS" --record-size 200 \
    --throughput -1 --command-property acks="$2" --command-property compression.type="$1" > "$work/perf" 2> "$work/perf.err" || { cat "$work/perf.err"; return 1; }
  if [ -s "$work/perf.err" ] && grep -qE 'Exception|ERROR' "$work/perf.err"; then cat "$work/perf.err"; return 1; fi
  written=$((written + RECORDS))
  grep -q "^$RECORDS records sent" "$work/perf"
}
written=0
for codec in none gzip snappy lz4 zstd; do
  for acks in 0 1 all; do
    check "kafka-producer-perf-test: $codec, acks $acks" perf "$codec" "$acks"
    tail -1 "$work/perf" | sed -nE 's/^[^(]*\(([^)]*)\), ([0-9.]+ ms avg latency).*/       \1, \2/p'
  done
done
count() {
  for _ in $(seq 50); do # acks=0 is not answered: give the last batch its time
    got=$(get_offsets "$topic" | awk -F: '{ sum += $3 } END { print sum }')
    [ "$got" = "$written" ] && return
    sleep 0.2
  done
  echo "the log ends say $got records, $written were sent"
  return 1
}
check "all of them are in the log, once" count

consumer_perf() {
  tool org.apache.kafka.tools.ConsumerPerformance --bootstrap-server "$BROKERS" --topic "$topic" --num-records "$written" --timeout 60000 > "$work/perf" &&
    awk -F', ' -v want="$written" 'END { exit !($5 >= want) }' "$work/perf"
}
check "kafka-consumer-perf-test reads them all" consumer_perf
tail -1 "$work/perf" | awk -F', ' '{ print "       " $4 " MB/s" }'
latency() {
  tool org.apache.kafka.tools.EndToEndLatency --bootstrap-server "$BROKERS" --topic "$topic-latency" --num-records 1000 --producer-acks all --record-size 200 > "$work/latency"
}
check "kafka-e2e-latency: 1,000 records, acks all" latency
sed -nE 's/^(Avg latency|Percentiles): /       \1: /p' "$work/latency"

delete_topics() {
  for t in "$topic" "$topic-console" "$topic-verifiable" "$topic-latency"; do topics --delete --topic "$t" || return; done
  ! topics --list | grep -q "^$topic"
}
check "kafka-topics --delete: gone from --list" delete_topics

finish
