#!/bin/bash
# Clients that log in, against a running broker with every mechanism: BROKERS is its SASL listener, SASL_FOLDER the folder
# that tokens.ts wrote, with the user admin of PLAIN (password "of the broker"). With TLS_FOLDER its listener is SASL_SSL.
# RUNNEL is the command of Runnel, for its own commands.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
. "$(dirname "$0")/other_clients.sh"
kafka_tools_install && franz_there "$(dirname "$0")/sasl/franz" || { echo "sasl.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
: "${SASL_FOLDER:?the folder of tokens.ts}" "${RUNNEL:?how to run runnel}"
address=localhost:${BROKERS#*:} protocol=SASL_PLAINTEXT
[ -z "${TLS_FOLDER:-}" ] || protocol=SASL_SSL
jaas=org.apache.kafka.common.security

# config MECHANISM USER PASSWORD   a client's properties
config() {
  local file module=$jaas.scram.ScramLoginModule
  file=$(mktemp "$work/XXXXXX.properties")
  [ "$1" != PLAIN ] || module=$jaas.plain.PlainLoginModule
  { echo "security.protocol=$protocol"; echo "sasl.mechanism=$1"
    echo "sasl.jaas.config=$module required username=\"$2\" password=\"$3\";"
    [ -z "${TLS_FOLDER:-}" ] || { echo ssl.truststore.type=PEM; echo "ssl.truststore.location=$TLS_FOLDER/ca.pem"; }; } > "$file"
  chmod 600 "$file"
  echo "$file"
}
# bearer TOKEN   the same, with the token of that name
bearer() {
  local file=$work/$1.properties
  { echo "security.protocol=$protocol"; echo sasl.mechanism=OAUTHBEARER
    echo "sasl.jaas.config=$jaas.oauthbearer.OAuthBearerLoginModule required;"
    echo "sasl.login.callback.handler.class=$jaas.oauthbearer.OAuthBearerLoginCallbackHandler"
    echo "sasl.oauthbearer.token.endpoint.url=file://$SASL_FOLDER/$1.jwt"
    [ -z "${TLS_FOLDER:-}" ] || { echo ssl.truststore.type=PEM; echo "ssl.truststore.location=$TLS_FOLDER/ca.pem"; }; } > "$file"
  chmod 600 "$file"
  echo "$file"
}
export JVM="-Xms64m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://$SASL_FOLDER/token.jwt,file://$SASL_FOLDER/expired.jwt,file://$SASL_FOLDER/foreign.jwt -Dorg.apache.kafka.sasl.oauthbearer.allowed.files=$SASL_FOLDER/token.jwt,$SASL_FOLDER/expired.jwt,$SASL_FOLDER/foreign.jwt"

admin=$(config PLAIN admin "of the broker")
configs() { tool org.apache.kafka.tools.ConfigCommand --bootstrap-server "$address" --command-config "$admin" "$@"; }
users() {
  # Kafka takes one mechanism of a user in a request.
  configs --alter --entity-type users --entity-name alice --add-config 'SCRAM-SHA-256=[iterations=8192,password=pencil]' &&
    configs --alter --entity-type users --entity-name alice --add-config 'SCRAM-SHA-512=[password=pencil]' &&
    configs --describe --entity-type users --entity-name alice | tee "$work/users" &&
    grep -q 'SCRAM-SHA-256=iterations=8192' "$work/users" && grep -q 'SCRAM-SHA-512=iterations=4096' "$work/users"
}
check "kafka-configs as a user of PLAIN gives alice SCRAM credentials" users

# console NAME CONFIG   a topic, 500 records and a group by Apache's console tools
console() {
  seq 500 > "$work/sent"
  tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --command-config "$2" --create --topic "$topic-$1" --partitions 1 &&
    tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$address" --command-config "$2" --topic "$topic-$1" < "$work/sent" &&
    tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --command-config "$2" --topic "$topic-$1" \
      --from-beginning --max-messages 500 --timeout-ms 30000 > "$work/got" &&
    cmp "$work/sent" "$work/got"
}
check "Apache's console tools by PLAIN" console plain "$admin"
check "Apache's console tools by SCRAM-SHA-256" console scram256 "$(config SCRAM-SHA-256 alice pencil)"
check "Apache's console tools by SCRAM-SHA-512" console scram512 "$(config SCRAM-SHA-512 alice pencil)"
check "Apache's console tools by OAUTHBEARER" console oauth "$(bearer token)"

# refused CONFIG   a Java client is told, and does not go on trying
refused() {
  ! TOOL_SECONDS=30 tool org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$address" --command-config "$1" > "$work/said" 2>&1
  cat "$work/said"
  grep -q "SaslAuthenticationException\|Authentication failed\|invalid_token" "$work/said"
}
check "a wrong password is refused, by PLAIN" refused "$(config PLAIN admin wrong)"
check "a wrong password is refused, by SCRAM" refused "$(config SCRAM-SHA-256 alice wrong)"
check "an unknown user is refused, by SCRAM" refused "$(config SCRAM-SHA-512 nobody pencil)"
check "a token of another key is refused" refused "$(bearer foreign)"

# k MECHANISM USER PASSWORD ARGUMENTS...   kcat
k() {
  local more=(-X "sasl.mechanisms=$1" -X "sasl.username=$2" -X "sasl.password=$3")
  [ -z "${TLS_FOLDER:-}" ] || more+=(-X "ssl.ca.location=$TLS_FOLDER/ca.pem")
  shift 3
  timeout 60 kcat -b "$address" -X "security.protocol=$protocol" "${more[@]}" "$@"
}
round_trip() {
  seq 500 > "$work/sent"
  k "$1" "$2" "$3" -P -t "$topic-kcat" -p 0 < "$work/sent" &&
    k "$1" "$2" "$3" -q -C -t "$topic-kcat" -p 0 -o -500 -e > "$work/got" && cmp "$work/sent" "$work/got"
}
for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
  check "kcat by $mechanism: 500 records return in order" round_trip $mechanism alice pencil
done
check "kcat by PLAIN: 500 records return in order" round_trip PLAIN admin "of the broker"
f() { BROKERS=$address CA=${TLS_FOLDER:+$TLS_FOLDER/ca.pem} timeout 60 "$franz" "$@"; }
for mechanism in 256 512; do
  check "franz-go by SCRAM-SHA-$mechanism: 500 records return in order, in a group" f $mechanism alice pencil "$topic-franz-$mechanism" 500
done
franz_wrong() { ! f 512 alice wrong "$topic-franz" 1 > "$work/said" 2>&1; cat "$work/said"; grep -qi "sasl_authentication_failed\|authentication" "$work/said"; }
check "franz-go with a wrong password is told so" franz_wrong
kcat_wrong() { ! k SCRAM-SHA-256 alice wrong -m 5 -L > "$work/said" 2>&1; grep -qi "authentication" "$work/said"; }
check "kcat with a wrong password is told so" kcat_wrong

own() {
  $RUNNEL group list --bootstrap "$address" --client-config "$(config SCRAM-SHA-512 alice pencil)" | tee "$work/groups"
  grep -q console-consumer "$work/groups"
}
check "runnel group list by SCRAM-SHA-512" own
own_users() {
  printf 'a secret' | $RUNNEL user add dora --password-stdin --bootstrap "$address" --client-config "$admin" &&
    $RUNNEL user list --bootstrap "$address" --client-config "$admin" | tee "$work/users" && grep -qE '^dora +SCRAM-SHA-256 SCRAM-SHA-512' "$work/users" &&
    round_trip SCRAM-SHA-256 dora "a secret"
}
check "runnel user add makes a user that gets in" own_users
own_gone() {
  $RUNNEL user delete dora --yes --bootstrap "$address" --client-config "$admin" && ! k SCRAM-SHA-256 dora "a secret" -m 5 -L
}
check "runnel user delete: and it does not any more" own_gone
own_bearer() { $RUNNEL group list --bootstrap "$address" --client-config "$(bearer token)"; }
check "runnel group list by OAUTHBEARER" own_bearer
gone() {
  configs --alter --entity-type users --entity-name alice --delete-config SCRAM-SHA-256 &&
    configs --alter --entity-type users --entity-name alice --delete-config SCRAM-SHA-512 &&
    ! k SCRAM-SHA-256 alice pencil -m 5 -L
}
check "kafka-configs takes alice away again" gone
finish
