#!/bin/bash
# Quotas go with the directory and bind on both: Runnel's hold up a producer at Apache Kafka on the same directory, and those
# that Kafka changed hold it up at Runnel. RUNNEL is the command of Runnel.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/clients/checks.sh
. tests/clients/broker.sh
. tests/clients/kafka_tools.sh
kafka_tools_install || { echo "quotas.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
: "${RUNNEL:?how to run runnel}"
BROKERS=127.0.0.1:$(free_port)
controller=127.0.0.1:$(free_port)
data=$work/data
trap 'kill -KILL "${BROKER_PID:-none}" 2> /dev/null; rm -rf "$work"' EXIT

runnel_start() {
  BROKER_LOG=$work/runnel.log
  BROKER_COMMAND="$RUNNEL --kafka-port ${BROKERS#*:} --http-port 0 --storage-path $data"
  broker_start
}
cat > "$work/server.properties" <<P
process.roles=broker,controller
node.id=0
controller.listener.names=CONTROLLER
controller.quorum.voters=0@$controller
listeners=PLAINTEXT://$BROKERS,CONTROLLER://$controller
advertised.listeners=PLAINTEXT://$BROKERS
log.dirs=$data
offsets.topic.replication.factor=1
P
kafka_start() {
  BROKER_LOG=$work/kafka.log
  BROKER_COMMAND="java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.level=ERROR -cp '$KAFKA_LIBS/*' kafka.Kafka $work/server.properties"
  broker_start 90
}
kafka_stop() { kill -TERM "$BROKER_PID"; wait "$BROKER_PID"; [ $? = 143 ]; }

configs() { tool $config_command --bootstrap-server "$BROKERS" "$@"; }
# waits CLIENT   half a megabyte of it is held up, if little
waits() {
  tool org.apache.kafka.tools.ProducerPerformance --bootstrap-server "$BROKERS" --topic "$topic" --num-records 52 --record-size 10000 \
    --throughput -1 --print-metrics --command-property client.id="$1" 2> /dev/null |
    awk -F: '/produce-throttle-time-max/ { print; most = $NF } END { exit !(most > 0) }'
}
goes_on() { ! waits "$1"; }

check "Runnel starts on a new directory" runnel_start
check "it gets a quota for a client id" configs --alter --entity-type clients --entity-name slow --add-config producer_byte_rate=50000
check "and one for a user with any client id" configs --alter --entity-type users --entity-name carol --entity-type clients --entity-default --add-config consumer_byte_rate=9
check "and a topic" tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" --create --topic "$topic" --partitions 1
check "Runnel holds up who has one" waits slow
check "and nobody else" goes_on quick
check "Runnel stops" broker_stop
check "Apache Kafka starts on its directory" kafka_start
check "it holds up who has one" waits slow
check "and nobody else" goes_on quick
check "it gives that to another" configs --alter --entity-type clients --entity-name quick --add-config producer_byte_rate=50000
check "and takes it from the first" configs --alter --entity-type clients --entity-name slow --delete-config producer_byte_rate
check "Kafka stops" kafka_stop
check "Runnel starts on the directory again" runnel_start
check "the other is held up" waits quick
check "the first is not any more" goes_on slow
listed() { $RUNNEL quota list --bootstrap "$BROKERS" | tee /dev/stderr | grep -Eq '^carol +\(default\) +consumer_byte_rate +9$'; }
check "and nothing else has changed" listed
check "Runnel stops again" broker_stop
finish
