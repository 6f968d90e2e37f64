#!/bin/bash
# Users of SCRAM, ACLs and delegation tokens go with the directory: Runnel makes alice and her token, and lets carl see some
# topics; Apache Kafka on the same directory lets both in, holds carl to that and changes it, and makes bob and a token of
# his; Runnel lets all in and holds carl to the change. RUNNEL is the command of Runnel.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/interchange/in_turns.sh
secret_key='of the cluster, ä' # in UTF-8, which a file of Java properties is not
module=org.apache.kafka.common.security.scram.ScramLoginModule
runnel_env="RUNNEL_AUTH_PLAIN_PASSWORD=first RUNNEL_DELEGATION_TOKEN_SECRET_KEY='$secret_key'"
runnel_flags="--auth-enabled --auth-plain-username admin --auth-mechanism PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
kafka_properties <<P
listeners=SASL_PLAINTEXT://$BROKERS,CONTROLLER://$controller
advertised.listeners=SASL_PLAINTEXT://$BROKERS
inter.broker.listener.name=SASL_PLAINTEXT
listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=$module required username="alice" password="pencil";
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=$module required username="alice" password="pencil";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:alice;User:ANONYMOUS
delegation.token.secret.key=of the cluster, \\u00e4
P

# config MECHANISM USER PASSWORD [MORE]
config() {
  local file kind=$module
  [ "$1" != PLAIN ] || kind=org.apache.kafka.common.security.plain.PlainLoginModule
  file=$(mktemp "$work/XXXXXX.properties")
  { echo security.protocol=SASL_PLAINTEXT; echo "sasl.mechanism=$1"
    echo "sasl.jaas.config=$kind required username=\"$2\" password=\"$3\" ${4:-};"; } > "$file"
  echo "$file"
}
lets_in() { TOOL_SECONDS=60 tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" --command-config "$(config "$@")" --list; }
# tokens CONFIG ARGUMENTS...   Apache's tool, which prints a token as ID HMAC OWNER …
tokens() {
  local config=$1
  shift
  tool org.apache.kafka.tools.DelegationTokenCommand --bootstrap-server "$BROKERS" --command-config "$config" "$@"
}
# token_made NAME CONFIG   its id and HMAC in variables of that name
token_made() {
  tokens "$2" --create --max-life-time-period -1 | tee "$work/token"
  read -r "$1_id" "$1_hmac" <<< "$(awk 'length($2) == 88 { print $1, $2; exit }' "$work/token")"
  local hmac=$1_hmac
  hmac=${!hmac}
  [ ${#hmac} = 88 ]
}
token_lets_in() { lets_in "$1" "$2" "$3" 'tokenauth="true"'; }
makes() { # USER PASSWORD MECHANISM, and who does it
  tool $config_command --bootstrap-server "$BROKERS" --command-config "$4" --alter --entity-type users --entity-name "$1" --add-config "$3=[password=$2]"
}

check "Runnel starts on a new directory" runnel_start
admin=$(config PLAIN admin first)
check "alice is made at Runnel, by SCRAM-SHA-256" makes alice pencil SCRAM-SHA-256 "$admin"
check "and by SCRAM-SHA-512" makes alice pencil SCRAM-SHA-512 "$admin"
check "Runnel lets her in" lets_in SCRAM-SHA-256 alice pencil
check "a token is made at Runnel" token_made first "$(config SCRAM-SHA-256 alice pencil)"
check "Runnel lets her in with it" token_lets_in SCRAM-SHA-512 "${first_id:-}" "${first_hmac:-}"
makes_topics() {
  local name
  for name in orders-eu orders-us secret; do
    kcat -b "$BROKERS" -X security.protocol=SASL_PLAINTEXT -X sasl.mechanisms=PLAIN -X sasl.username=admin -X sasl.password=first -P -t $name <<< made || return
  done
}
check "topics are made there" makes_topics
check "and carl, by SCRAM-SHA-512" makes carl ruler SCRAM-SHA-512 "$admin"
carl=$(config SCRAM-SHA-512 carl ruler)
# acls WHOSE ARGUMENTS...   kafka-acls
acls() { tool org.apache.kafka.tools.AclCommand --bootstrap-server "$BROKERS" --command-config "$@"; }
# sees TOPIC...   what carl is shown, that and nothing else
sees() {
  TOOL_SECONDS=60 tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$BROKERS" --command-config "$carl" --list > "$work/seen" || return
  diff <(printf '%s\n' "$@") "$work/seen"
}
limits() {
  acls "$admin" --add --allow-principal User:carl --operation Read --topic orders- --resource-pattern-type prefixed &&
    acls "$admin" --add --deny-principal User:carl --operation Describe --topic orders-us
}
check "carl is shown nothing" sees ""
check "ACLs of his are made at Runnel, a prefix and a deny" limits
check "and he is shown what they say" sees orders-eu
check "Runnel stops" broker_stop
check "Apache Kafka starts on its directory" kafka_start
check "and lets her in, by SCRAM-SHA-256" lets_in SCRAM-SHA-256 alice pencil
check "and by SCRAM-SHA-512" lets_in SCRAM-SHA-512 alice pencil
check "carl is shown there what the ACLs of Runnel say" sees orders-eu
changes() {
  local alice
  alice=$(config SCRAM-SHA-512 alice pencil)
  acls "$alice" --remove --force --deny-principal User:carl --operation Describe --topic orders-us &&
    acls "$alice" --add --deny-principal User:carl --operation All --topic orders-eu
}
check "Kafka removes one of them and makes another" changes
check "and carl is shown what they say now" sees orders-us
check "bob is made at Kafka" makes bob eraser SCRAM-SHA-512 "$(config SCRAM-SHA-512 alice pencil)"
check "the token lets her in at Kafka" token_lets_in SCRAM-SHA-256 "${first_id:-}" "${first_hmac:-}"
renewed() { tokens "$(config SCRAM-SHA-512 alice pencil)" --renew --renew-time-period 7200000 --hmac "$first_hmac"; }
check "where it is renewed" renewed
check "a token is made at Kafka" token_made second "$(config SCRAM-SHA-512 bob eraser)"
check "Kafka stops" kafka_stop
check "Runnel starts on the directory again" runnel_start
check "and lets bob in" lets_in SCRAM-SHA-512 bob eraser
check "and alice still" lets_in SCRAM-SHA-256 alice pencil
check "and with the token of Runnel" token_lets_in SCRAM-SHA-512 "${first_id:-}" "${first_hmac:-}"
check "and bob with that of Kafka" token_lets_in SCRAM-SHA-256 "${second_id:-}" "${second_hmac:-}"
ended() { tokens "$(config SCRAM-SHA-512 bob eraser)" --expire --expiry-time-period -1 --hmac "$second_hmac" && ! token_lets_in SCRAM-SHA-256 "$second_id" "$second_hmac"; }
check "which is ended at Runnel, and lets nobody in any more" ended
wrong() { ! lets_in SCRAM-SHA-512 bob pencil; }
check "carl is shown at Runnel what the ACLs of Kafka say" sees orders-us
left() {
  acls "$admin" --list | tee "$work/list" | grep -c principal= | grep -qx 2 && grep -q 'name=orders-, patternType=PREFIXED' "$work/list" &&
    grep -q 'principal=User:carl, host=\*, operation=ALL, permissionType=DENY' "$work/list"
}
check "and there are these two" left
check "bob with another password is refused" wrong
check "Runnel stops again" broker_stop
finish
