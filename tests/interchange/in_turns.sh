# shellcheck shell=bash disable=SC2034 # the variables are for broker.sh, and for who sources it
# A Runnel and an Apache Kafka that take turns on one directory: source it; RUNNEL is the command of Runnel.
#   BROKERS, data         where either serves, and on what
#   runnel_start          starts Runnel there, with the flags in runnel_flags and the variables in runnel_env
#   kafka_properties      begins Kafka's configuration; standard input has more of it, its listeners among that
#   kafka_start, kafka_stop
. tests/clients/checks.sh
. tests/clients/broker.sh
. tests/clients/kafka_tools.sh
kafka_tools_install || { echo "$suite.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
: "${RUNNEL:?how to run runnel}"
BROKERS=127.0.0.1:$(free_port)
controller=127.0.0.1:$(free_port)
data=$work/data
trap 'kill -KILL "${BROKER_PID:-none}" 2> /dev/null; rm -rf "$work"' EXIT

runnel_start() {
  BROKER_LOG=$work/runnel.log
  BROKER_COMMAND="${runnel_env:+env $runnel_env} $RUNNEL --kafka-port ${BROKERS#*:} --http-port 0 --storage-path $data ${runnel_flags:-}"
  broker_start
}
kafka_properties() {
  cat - > "$work/more.properties"
  cat - "$work/more.properties" > "$work/server.properties" <<P
process.roles=broker,controller
node.id=0
controller.listener.names=CONTROLLER
controller.quorum.voters=0@$controller
log.dirs=$data
offsets.topic.replication.factor=1
P
}
kafka_start() {
  BROKER_LOG=$work/kafka.log
  BROKER_COMMAND="java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.level=ERROR -cp '$KAFKA_LIBS/*' kafka.Kafka $work/server.properties"
  broker_start 90
}
kafka_stop() { kill -TERM "$BROKER_PID"; wait "$BROKER_PID"; [ $? = 143 ]; }
