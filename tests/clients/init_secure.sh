#!/bin/bash
# What `runnel init --secure` makes, walked by somebody who follows what it prints: init, serve by that configuration, and
# Apache's console tools, kcat and Runnel's own commands with the files that it made. RUNNEL is the command of Runnel.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/broker.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "init_secure.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
: "${RUNNEL:?how to run runnel}"
port=$(free_port) made="$work/a folder"
BROKERS=127.0.0.1:$port
address=localhost:$port
java="$made/client.properties" kcat_file="$made/librdkafka.conf"
trap 'kill -KILL "${BROKER_PID:-none}" 2> /dev/null; rm -rf "$work"' EXIT

init() { $RUNNEL init --secure --dir "$made" --host "localhost,$(hostname)" --port "$port" | tee "$work/printed"; }
check "init makes a folder of files" init
secret() { [ "$(cd "$made" && stat -c '%a %n' ca.key server.key users client.properties librdkafka.conf | grep -vc ^600)" = 0 ]; }
check "what is secret is its owner's alone" secret
again() {
  (cd "$made" && sha256sum -- *) > "$work/before"
  ! $RUNNEL init --secure --dir "$made" > "$work/said" 2>&1 && grep -q "$made/runnel.toml" "$work/said" &&
    (cd "$made" && sha256sum -- *) | cmp - "$work/before"
}
check "a second one names what is in the way, and changes nothing" again
chain() { openssl verify -x509_strict -purpose sslserver -verify_hostname localhost -CAfile "$made/ca.pem" "$made/server.pem"; }
check "openssl, as strict as it can be, finds the certificate good for a server" chain

serve() {
  BROKER_COMMAND="$RUNNEL serve --config '$made/runnel.toml' --http-port 0"
  broker_start
}
if serve > "$work/out" 2>&1; then echo "ok   $suite: the broker serves by it"; passed=$((passed + 1)); else cat "$work/out"; failed=$((failed + 1)); fi

console() {
  seq 500 > "$work/sent"
  tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --command-config "$java" --create --topic "$topic" --partitions 1 &&
    tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$address" --command-config "$java" --topic "$topic" < "$work/sent" &&
    tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --command-config "$java" --topic "$topic" \
      --from-beginning --max-messages 500 --timeout-ms 30000 > "$work/got" && cmp "$work/sent" "$work/got"
}
check "Apache's console tools with client.properties: 500 records, and a group" console
k() { timeout 60 kcat -F "$kcat_file" "$@"; }
round_trip() {
  seq 500 > "$work/sent"
  k -L | grep -q "broker 0 at $address" && k -P -t "$topic" -p 0 < "$work/sent" && k -q -C -t "$topic" -p 0 -o -500 -e > "$work/got" && cmp "$work/sent" "$work/got"
}
check "kcat with librdkafka.conf, which says where the broker is" round_trip
moved() {
  mkdir "$work/elsewhere" && cp "$java" "$work/elsewhere" && (cd "$work/elsewhere" && $RUNNEL group list --client-config client.properties) | grep console-consumer
}
check "runnel group list with client.properties alone, in another folder" moved
others() {
  printf 'of alice' | $RUNNEL user add alice --password-stdin --client-config "$java" &&
    $RUNNEL user list --client-config "$java" | grep '^alice' &&
    $RUNNEL acl add alice all "topic:$topic" --client-config "$java" && $RUNNEL acl list --client-config "$java" | grep alice &&
    sed -e 's/^sasl.username=.*/sasl.username=alice/' -e 's/^sasl.password=.*/sasl.password=of alice/' "$kcat_file" > "$work/alice.conf" &&
    echo hers | timeout 60 kcat -F "$work/alice.conf" -P -t "$topic" -p 0 && ! timeout 60 kcat -F "$work/alice.conf" -P -t "$topic-other" -p 0 <<< not
}
check "the printed commands give somebody else what she needs, and no more" others
plain() { ! timeout 20 kcat -b "$address" -m 5 -L && ! timeout 20 kcat -b "$address" -m 5 -L -X security.protocol=ssl -X "ssl.ca.location=$made/ca.pem"; }
check "who does not log in gets nothing" plain
if broker_stop; then passed=$((passed + 1)); else echo "FAIL $suite: the broker stops"; failed=$((failed + 1)); fi
finish
