#!/bin/bash
# Delegation tokens by Apache's own tool and by Runnel's, against a running broker whose SASL listener is BROKERS: with the
# user admin of PLAIN (password "of the broker"), SCRAM-SHA-256 and -512, and delegation_token.secret_key. With TLS_FOLDER the
# listener is SASL_SSL. RUNNEL is the command of Runnel.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "delegation_tokens.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
: "${RUNNEL:?how to run runnel}"
address=localhost:${BROKERS#*:} protocol=SASL_PLAINTEXT
[ -z "${TLS_FOLDER:-}" ] || protocol=SASL_SSL
jaas=org.apache.kafka.common.security
user=tokens$$

# config MECHANISM USER PASSWORD [MORE]   a client's properties
config() {
  local file module=$jaas.scram.ScramLoginModule
  file=$(mktemp "$work/XXXXXX.properties")
  [ "$1" != PLAIN ] || module=$jaas.plain.PlainLoginModule
  { echo "security.protocol=$protocol"; echo "sasl.mechanism=$1"
    echo "sasl.jaas.config=$module required username=\"$2\" password=\"$3\" ${4:-};"
    [ -z "${TLS_FOLDER:-}" ] || { echo ssl.truststore.type=PEM; echo "ssl.truststore.location=$TLS_FOLDER/ca.pem"; }; } > "$file"
  chmod 600 "$file"
  echo "$file"
}
token_config() { config "${3:-SCRAM-SHA-256}" "$1" "$2" 'tokenauth="true"'; }
admin=$(config PLAIN admin "of the broker")
tokens() { # CONFIG ARGUMENTS...
  local config=$1
  shift
  tool org.apache.kafka.tools.DelegationTokenCommand --bootstrap-server "$address" --command-config "$config" "$@"
}
# Columns of a token as the tool prints it: TOKENID HMAC OWNER REQUESTER RENEWERS ISSUEDATE EXPIRYDATE MAXDATE
token_of() { awk -v owner="$1" 'length($2) == 88 && $3 == owner { print $1, $2; exit }' "$2"; }

makes_user() { printf 'pencil' | $RUNNEL user add "$user" --password-stdin --bootstrap "$address" --client-config "$admin"; }
check "a user is made" makes_user
alice=$(config SCRAM-SHA-256 "$user" pencil)

creates() {
  tokens "$alice" --create --max-life-time-period -1 --renewer-principal User:renewer | tee "$work/created"
  read -r id hmac <<< "$(token_of "User:$user" "$work/created")"
  [ -n "$id" ] && [ "${#hmac}" = 88 ]
}
check "kafka-delegation-tokens --create" creates
read -r id hmac <<< "$(token_of "User:$user" "$work/created")"
describes() {
  tokens "$alice" --describe --owner-principal "User:$user" | tee "$work/described"
  grep -q "^$id" "$work/described" && grep -qF "$hmac" "$work/described"
}
check "kafka-delegation-tokens --describe shows it" describes
for_other() {
  tokens "$admin" --create --max-life-time-period 3600000 --owner-principal "User:$user-other" | tee "$work/other"
  [ -n "$(token_of "User:$user-other" "$work/other")" ]
}
check "a super user makes one for another" for_other
renews() { tokens "$alice" --renew --renew-time-period 7200000 --hmac "$hmac" | tee "$work/said"; grep -q "expiry date" "$work/said"; }
check "kafka-delegation-tokens --renew" renews
stranger() { ! tokens "$admin" --renew --renew-time-period -1 --hmac "$hmac" > "$work/said" 2>&1; cat "$work/said"; grep -q "OwnerMismatch" "$work/said"; }
check "nobody else renews it" stranger

console() { # CONFIG
  seq 300 > "$work/sent"
  tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$address" --command-config "$1" --topic "$topic" < "$work/sent" &&
    tool org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server "$address" --command-config "$1" --topic "$topic" \
      --from-beginning --max-messages 300 --timeout-ms 30000 > "$work/got"
  diff "$work/sent" "$work/got"
}
topic_made() { tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --command-config "$admin" --create --topic "$topic" --partitions 1; }
check "a topic" topic_made
allowed() {
  tool org.apache.kafka.tools.AclCommand --bootstrap-server "$address" --command-config "$admin" --add --allow-principal "User:$user" \
    --producer --consumer --topic "$topic" --group '*'
}
check "that the user may write and read" allowed
check "console producer and consumer log in by the token" console "$(token_config "$id" "$hmac")"
again() { ! tokens "$(token_config "$id" "$hmac" SCRAM-SHA-512)" --create --max-life-time-period -1 > "$work/said" 2>&1; cat "$work/said"; grep -qi "not allowed" "$work/said"; }
check "who logged in by a token gets no further one" again
wrong() {
  ! TOOL_SECONDS=30 tool org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$address" \
    --command-config "$(token_config "$id" "${hmac%????}AAA=")" > "$work/said" 2>&1
  cat "$work/said"
  grep -q "SaslAuthenticationException\|Authentication failed" "$work/said"
}
check "a wrong HMAC is refused" wrong

own() {
  local me=(--bootstrap "$address" --client-config "$alice")
  $RUNNEL token create --renewer renewer --for 12h "${me[@]}" > "$work/own" && cat "$work/own" | grep -v password
  own_id=$(awk '$1 == "username" { print $2 }' "$work/own") own_hmac=$(awk '$1 == "password" { print $2 }' "$work/own")
  $RUNNEL token list "${me[@]}" | tee "$work/list" && grep -q "^$own_id " "$work/list" && ! grep -qF "$own_hmac" "$work/list" &&
    $RUNNEL token renew "$own_id" --for 1h "${me[@]}" && $RUNNEL group list --bootstrap "$address" --client-config "$(token_config "$own_id" "$own_hmac")" &&
    $RUNNEL token expire "$own_id" --yes "${me[@]}" && ! $RUNNEL group list --bootstrap "$address" --client-config "$(token_config "$own_id" "$own_hmac")"
}
check "runnel token create, list, renew and expire" own

expires() { tokens "$alice" --expire --expiry-time-period -1 --hmac "$hmac" | tee "$work/said" && grep -q "expiry date" "$work/said"; }
check "kafka-delegation-tokens --expire" expires
check_gone() { ! TOOL_SECONDS=30 tool org.apache.kafka.tools.BrokerApiVersionsCommand --bootstrap-server "$address" --command-config "$(token_config "$id" "$hmac")"; }
check "and it lets nobody in any more" check_gone
finish
