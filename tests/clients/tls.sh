#!/bin/bash
# Clients over TLS against a running broker: BROKERS is its TLS listener, TLS_FOLDER the folder that certificates.ts wrote.
# With MTLS=1 the listener requires certificates: who has a trusted one gets in, and nobody else, however it tries; the
# one at TLS_OTHER trusts `evil` instead.
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

lists() { k "$me" -L | grep "broker 0 at 127.0.0.1:${BROKERS#*:}" > /dev/null; }
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

# asks ADDRESS NAME ARGUMENTS...   whether a client gets an answer to ApiVersions v0, by openssl with that client's certificate
asks() {
  local at=$1 name=$2
  shift 2
  { printf '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x07\xff\xff'; sleep 1; } |
    timeout 10 openssl s_client -connect "$at" -cert "$TLS_FOLDER/$name.pem" -key "$TLS_FOLDER/$name.key" "$@" > "$work/answer" 2>&1
  # The correlation id 7 and error 0 are in the answer and nowhere in what openssl prints by itself.
  grep -aqP '\x00\x00\x00\x07\x00\x00\x00\x00' "$work/answer"
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
    trusted() {
      asks "$address" alice "-tls$version" -sess_out "$work/alice$version" && [ -s "$work/alice$version" ] &&
        asks "$address" alice "-tls$version" -sess_in "$work/alice$version" && grep -q '^Reused' "$work/answer"
    }
    check "TLS $version: a trusted client gets in, and again with its session" trusted
    evil() { ! asks "$address" evil "-tls$version" && ! asks "$TLS_OTHER" alice "-tls$version"; }
    check "TLS $version: one that is not trusted does not" evil
    session() {
      asks "$TLS_OTHER" evil "-tls$version" -sess_out "$work/evil$version" && [ -s "$work/evil$version" ] &&
        ! asks "$address" evil "-tls$version" -sess_in "$work/evil$version" && grep -q '^Reused' "$work/answer"
    }
    check "TLS $version: nor by a session of another listener, that trusts it" session
  done
fi
finish
