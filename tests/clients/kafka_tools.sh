# shellcheck shell=bash disable=SC2034 # config_command is for who sources it
# Apache Kafka's tools and Java client, fetched once from Maven Central by pom.xml: source it, then
#   kafka_tools_install            needs Java 17 and Maven; into KAFKA_LIBS (default: a cache folder in the home)
#   KAFKA_VERSION=4.3.1            another version than the one that pom.xml names
#   tool CLASS ARGUMENTS...        a small, quickly started JVM; JVM="..." gives it other options
KAFKA_VERSION=${KAFKA_VERSION:-4.4.0}
KAFKA_LIBS=${KAFKA_LIBS:-${XDG_CACHE_HOME:-$HOME/.cache}/runnel/kafka-$KAFKA_VERSION}
JVM=${JVM:--Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto}
kafka_tools_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

kafka_tools_install() {
  [ -f "$KAFKA_LIBS/complete" ] && return
  mkdir -p "$KAFKA_LIBS" &&
    kafka_tools_tried mvn -q -B -f "$kafka_tools_here/pom.xml" -Dkafka.version="$KAFKA_VERSION" dependency:copy-dependencies -DoutputDirectory="$KAFKA_LIBS" &&
    touch "$KAFKA_LIBS/complete"
}
# What fetches from a registry may fail once: three times in all.
kafka_tools_tried() { "$@" || { sleep 5; "$@"; } || { sleep 20; "$@"; }; }

tool() {
  # shellcheck disable=SC2086
  timeout "${TOOL_SECONDS:-120}" java $JVM -cp "$KAFKA_LIBS/*" -Dlog4j2.level=WARN "$@"
}

# Moved in Kafka 4.4.
case $KAFKA_VERSION in 4.[0-3].*) config_command=kafka.admin.ConfigCommand ;; *) config_command=org.apache.kafka.tools.ConfigCommand ;; esac
