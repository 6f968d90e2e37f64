#!/bin/bash
# Quotas as Apache's tools set and meet them, against a running broker, Runnel or Apache Kafka: what is set by kafka-configs for
# clients, users and addresses is described, in force, and gone when it is removed. A producer and a consumer with QUOTA_RATE
# bytes a second (default 300,000) move QUOTA_BYTES (default 13 times as much); without a quota that takes no time. Under Kafka's windows ten seconds' worth go at once, so thirteen take the eleven seconds until that is forgotten.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "quotas.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
rate=${QUOTA_RATE:-300000} bytes=${QUOTA_BYTES:-$((13 * ${QUOTA_RATE:-300000}))}
least=${QUOTA_LEAST_SECONDS:-9} most=${QUOTA_MOST_SECONDS:-22}
size=10000 records=$((bytes / 10000))

configs() { tool $config_command --bootstrap-server "$BROKERS" "$@"; }
set_quota() { configs --alter --entity-type "$1" --entity-name "$2" --add-config "$3"; }
described() { # TYPE NAME TEXT
  configs --describe --entity-type "$1" --entity-name "$2" > "$work/described" && cat "$work/described" && grep -qF -- "$3" "$work/described"
}
gone() { ! described "$@"; }
check "kafka-configs sets the quotas of a client id" set_quota clients "slow-$topic" "producer_byte_rate=$rate"
check "and of another" set_quota clients "slow-$topic-reader" "consumer_byte_rate=$rate"
check "and of a user" set_quota users "nobody-$topic" "request_percentage=50,controller_mutation_rate=1.5"
check "and of an address" set_quota ips 192.0.2.1 connection_creation_rate=5
check "and the default of users" configs --alter --entity-type users --entity-default --add-config "producer_byte_rate=1000000000"
check "it describes them: a client id's" described clients "slow-$topic" "producer_byte_rate=$rate.0"
check "a user's" described users "nobody-$topic" "controller_mutation_rate=1.5"
check "an address's" described ips 192.0.2.1 "connection_creation_rate=5.0"
check "the default of users is removed" configs --alter --entity-type users --entity-default --delete-config producer_byte_rate
check "a topic" tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" --create --topic "$topic" --partitions 1

produce() { # CLIENT; elapsed seconds in $work/CLIENT.s
  local start=$EPOCHREALTIME
  tool org.apache.kafka.tools.ProducerPerformance --bootstrap-server "$BROKERS" --topic "$topic" --num-records "$records" --record-size $size \
    --throughput -1 --command-property client.id="$1" request.timeout.ms=60000 \
    delivery.timeout.ms=120000 > "$work/$1.out" 2> "$work/$1.err" || { cat "$work/$1.out" "$work/$1.err"; return 1; }
  echo "$EPOCHREALTIME $start" | awk '{ printf "%.2f\n", $1 - $2 }' > "$work/$1.s"
  grep -q "$records records sent" "$work/$1.out"
}
consume() {
  local start=$EPOCHREALTIME
  echo "client.id=$1" > "$work/$1.properties"
  tool org.apache.kafka.tools.ConsumerPerformance --bootstrap-server "$BROKERS" --topic "$topic" --num-records "$records" --timeout 60000 \
    --command-config "$work/$1.properties" > "$work/$1.out" 2>&1 || { cat "$work/$1.out"; return 1; }
  echo "$EPOCHREALTIME $start" | awk '{ printf "%.2f\n", $1 - $2 }' > "$work/$1.s"
}
# The time that CLIENT took, less what its JVM takes to start.
took() { awk -v least="$2" -v most="$3" '{ print; exit !($1 >= least && $1 <= most) }' "$work/$1.s"; }
check "a producer without a quota" produce free
check "it takes no time" took free 0 "$least"
held_up() {
  local producer
  produce "slow-$topic" & producer=$!
  consume "slow-$topic-reader" && wait $producer
}
check "a producer and a consumer with one" held_up
check "the producer takes its time" took "slow-$topic" "$least" "$most"
check "so does the consumer" took "slow-$topic-reader" "$least" "$most"
echo "       $bytes bytes at $rate a second: $(cat "$work/slow-$topic.s") s, read in $(cat "$work/slow-$topic-reader.s") s, without a quota $(cat "$work/free.s") s"
check "they are removed" configs --alter --entity-type clients --entity-name "slow-$topic-reader" --delete-config consumer_byte_rate
check "and told no more" gone clients "slow-$topic-reader" consumer_byte_rate
check "and who had one is not held up any more" consume "slow-$topic-reader"
check "it takes no time" took "slow-$topic-reader" 0 "$least"
check "the producer's is removed" configs --alter --entity-type clients --entity-name "slow-$topic" --delete-config producer_byte_rate
check "the user's are removed" configs --alter --entity-type users --entity-name "nobody-$topic" --delete-config request_percentage,controller_mutation_rate
check "the address's are removed" configs --alter --entity-type ips --entity-name 192.0.2.1 --delete-config connection_creation_rate
finish
