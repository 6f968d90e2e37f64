#!/bin/bash
# Clients over TLS against a running broker: BROKERS is its TLS listener, TLS_FOLDER the folder that certificates.ts wrote.
# With MTLS=1 the listener requires certificates: who has a trusted one gets in, and nobody else, however it tries.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "tls.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
: "${TLS_FOLDER:?the folder of certificates}"
address=localhost:${BROKERS#*:}

# java_config NAME   a client's configuration, with that client's certificate where it has one
java_config() {
  { echo security.protocol=SSL; echo ssl.truststore.type=PEM; echo "ssl.truststore.location=$TLS_FOLDER/ca.pem"
    [ -z "$1" ] || { echo ssl.keystore.type=PEM; echo "ssl.keystore.location=$TLS_FOLDER/$1.both.pem"; }; } > "$work/java.properties"
  echo "$work/java.properties"
}
# k NAME ARGUMENTS...   kcat, with that client's certificate where it has one
k() {
  local own=()
  [ -z "$1" ] || own=(-X "ssl.certificate.location=$TLS_FOLDER/$1.pem" -X "ssl.key.location=$TLS_FOLDER/$1.key")
  shift
  timeout 60 kcat -b "$address" -X security.protocol=ssl -X "ssl.ca.location=$TLS_FOLDER/ca.pem" "${own[@]}" "$@"
}
me=${MTLS:+alice}

lists() { k "$me" -L | grep -q "broker 0 at 127.0.0.1:${BROKERS#*:}"; }
check "kcat -L is told the address of the listener it asked" lists
round_trip() {
  seq 2000 > "$work/sent"
  k "$me" -P -t "$topic" -p 0 < "$work/sent" && k "$me" -q -C -t "$topic" -p 0 -o beginning -e > "$work/got" && cmp "$work/sent" "$work/got"
}
check "kcat: 2,000 records return in order" round_trip

console() {
  local config
  config=$(java_config "$me")
  seq 1000 > "$work/sent"
  tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --command-config "$config" --create --topic "$topic-java" --partitions 1 &&
    tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$address" --command-config "$config" --topic "$topic-java" < "$work/sent" &&
    tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --command-config "$config" --topic "$topic-java" \
      --from-beginning --max-messages 1000 --timeout-ms 30000 > "$work/got" &&
    cmp "$work/sent" "$work/got"
}
check "Apache's console tools with a PEM truststore: 1,000 records, and a group" console

# asks NAME ARGUMENTS...   whether a client gets an answer to ApiVersions v0, by openssl with that client's certificate
asks() {
  local name=$1
  shift
  printf '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x07\xff\xff' > "$work/request"
  { cat "$work/request"; sleep 1; } | timeout 10 openssl s_client -quiet -connect "$address" -cert "$TLS_FOLDER/$name.pem" -key "$TLS_FOLDER/$name.key" "$@" \
    2> "$work/err" > "$work/answer"
  [ "$(stat -c %s "$work/answer")" -gt 20 ]
}
old() { ! openssl s_client -connect "$address" -tls1_1 -cipher DEFAULT@SECLEVEL=0 < /dev/null > "$work/answer" 2>&1; }
check "TLS 1.1 is refused" old

if [ -n "${MTLS:-}" ]; then
  without() { ! k "" -m 3 -L; }
  check "kcat without a certificate is refused" without
  foreign() { ! k evil -m 3 -L; }
  check "kcat with a certificate of nobody's is refused" foreign
  java_without() { ! TOOL_SECONDS=20 tool org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$address" --command-config "$(java_config "")"; }
  check "a Java client without a certificate is refused" java_without
  for version in 1_2 1_3; do
    trusted() { asks alice "-tls$version" -sess_out "$work/alice$version" && asks alice "-tls$version" -sess_in "$work/alice$version"; }
    check "TLS $version: a trusted client gets in, and again with its session" trusted
    evil() {
      ! asks evil "-tls$version" -sess_out "$work/evil$version" || return
      [ ! -s "$work/evil$version" ] || ! asks evil "-tls$version" -sess_in "$work/evil$version"
    }
    check "TLS $version: one that is not trusted does not, and not with the session it was given either" evil
    stolen() { [ ! -s "$work/alice$version" ] || [ ! -s "$work/evil$version" ] || ! asks bob "-tls$version" -sess_in "$work/evil$version"; }
    check "TLS $version: nor does a trusted one with that session" stolen
  done
fi
finish
