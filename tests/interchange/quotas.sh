#!/bin/bash
# Quotas go with the directory and bind on both: Runnel's hold up a producer at Apache Kafka on the same directory, and those
# that Kafka changed hold it up at Runnel. RUNNEL is the command of Runnel.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/interchange/in_turns.sh
kafka_properties <<P
listeners=PLAINTEXT://$BROKERS,CONTROLLER://$controller
advertised.listeners=PLAINTEXT://$BROKERS
P

configs() { tool $config_command --bootstrap-server "$BROKERS" "$@"; }
# waits CLIENT   twelve seconds' worth in one record, of which ten may go at once, is held up
waits() {
  tool org.apache.kafka.tools.ProducerPerformance --bootstrap-server "$BROKERS" --topic "$topic" --num-records 1 --record-size 600000 \
    --throughput -1 --print-metrics --command-property client.id="$1" 2> /dev/null |
    awk -F: '/produce-throttle-time-max/ { print; most = $NF } END { exit !(most > 0) }'
}
goes_on() { ! waits "$1"; }

check "Runnel starts on a new directory" runnel_start
check "it gets a quota for a client id" configs --alter --entity-type clients --entity-name slow --add-config producer_byte_rate=50000
check "and one for a user with any client id" configs --alter --entity-type users --entity-name carol --entity-type clients --entity-default --add-config consumer_byte_rate=9
check "and one for an address" configs --alter --entity-type ips --entity-name 192.0.2.1 --add-config connection_creation_rate=5
described() { # TEXT TYPE NAME
  configs --describe --entity-type "$2" --entity-name "$3" | tee /dev/stderr | grep -F -- "$1" > /dev/null
}
check "and describes them" described producer_byte_rate=50000.0 clients slow
check "and a topic" tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" --create --topic "$topic" --partitions 1
check "Runnel holds up who has one" waits slow
check "and nobody else" goes_on quick
check "Runnel stops" broker_stop
check "Apache Kafka starts on its directory" kafka_start
check "it holds up who has one" waits slow
check "and nobody else" goes_on quick
check "it has the address's" described connection_creation_rate=5.0 ips 192.0.2.1
check "it gives that to another" configs --alter --entity-type clients --entity-name quick --add-config producer_byte_rate=50000
check "and takes it from the first" configs --alter --entity-type clients --entity-name slow --delete-config producer_byte_rate
check "Kafka stops" kafka_stop
check "Runnel starts on the directory again" runnel_start
check "the other is held up" waits quick
check "the first is not any more" goes_on slow
listed() { $RUNNEL quota list --bootstrap "$BROKERS" | tee /dev/stderr | grep -E '^carol +\(default\) +consumer_byte_rate +9$' > /dev/null; }
check "and nothing else has changed" listed
check "the address's is removed" configs --alter --entity-type ips --entity-name 192.0.2.1 --delete-config connection_creation_rate
gone() { ! described connection_creation_rate ips 192.0.2.1; }
check "and told no more" gone
check "Runnel stops again" broker_stop
finish
