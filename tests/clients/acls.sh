#!/bin/bash
# ACLs by Apache's own tools: kafka-acls with its convenience options, and what limited users may do with the console tools
# and kcat, refused in Kafka's words where they may not. BROKERS is a SASL_PLAINTEXT listener with PLAIN, the super user admin
# and the users pat, con, ida and eve, who all have the password "pw", and no topics, groups or ACLs; Runnel or Apache Kafka.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "acls.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
for user in admin pat con ida eve; do
  { echo security.protocol=SASL_PLAINTEXT; echo sasl.mechanism=PLAIN
    echo "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"$user\" password=\"pw\";"; } > "$work/$user"
  chmod 600 "$work/$user"
done

# as USER CLASS ARGUMENTS...   one of Apache's tools
as() {
  local user=$1 class=$2
  shift 2
  TOOL_SECONDS=60 tool "org.apache.kafka.tools.$class" --bootstrap-server "$BROKERS" --command-config "$work/$user" "$@"
}
acls() { as admin AclCommand "$@"; }
# kc USER ARGUMENTS...   kcat
kc() {
  local user=$1
  shift
  timeout 20 kcat -b "$BROKERS" -X security.protocol=SASL_PLAINTEXT -X sasl.mechanisms=PLAIN -X "sasl.username=$user" -X sasl.password=pw "$@"
}
# says TEXT COMMAND...   the command says that, however it ends
says() {
  local text=$1
  shift
  "$@" > "$work/said" 2>&1
  cat "$work/said"
  grep -qF -- "$text" "$work/said"
}
# listed EXPECTED ARGUMENTS...   what kafka-acls lists: rules, sorted, without their words
listed() {
  local expected=$1
  shift
  acls --list "$@" | tee "$work/listing" | sed -nE 's/^.*resourceType=([A-Z_]+), name=([^,]+), patternType=([A-Z]+).*$/= \1 \2 \3/p; s/^.*principal=([^,]+), host=([^,]+), operation=([A-Z_]+), permissionType=([A-Z]+).*$/\4 \1 \3 \2/p' |
    awk '/^=/ { of = $2 " " $3 " " $4; next } { print of ": " $0 }' | sort -u > "$work/rules"
  cat "$work/listing"
  diff <(printf '%s\n' "$expected" | sed 's/^ *//; /^$/d' | sort) "$work/rules"
}
send() { kc "$1" -P -t "$2" -p 0 -X message.timeout.ms=8000 "${@:3}" <<< "one"; }

# ---- kafka-acls

check "kafka-acls lists nothing at first" listed ""
check "who may not is told so" says "ClusterAuthorizationException" as eve AclCommand --list
producer() {
  acls --add --allow-principal User:pat --producer --topic orders &&
    acls --add --allow-principal User:pat --producer --topic pay- --transactional-id pay- --resource-pattern-type prefixed &&
    acls --add --allow-principal User:ida --producer --idempotent --topic orders
}
check "kafka-acls --producer, with --transactional-id prefixed, and with --idempotent" producer
check "kafka-acls --consumer" acls --add --allow-principal User:con --consumer --topic orders --group billing
check "kafka-acls lists what they are" listed "
  CLUSTER kafka-cluster LITERAL: ALLOW User:ida IDEMPOTENT_WRITE *
  GROUP billing LITERAL: ALLOW User:con READ *
  TOPIC orders LITERAL: ALLOW User:con DESCRIBE *
  TOPIC orders LITERAL: ALLOW User:con READ *
  TOPIC orders LITERAL: ALLOW User:ida CREATE *
  TOPIC orders LITERAL: ALLOW User:ida DESCRIBE *
  TOPIC orders LITERAL: ALLOW User:ida WRITE *
  TOPIC orders LITERAL: ALLOW User:pat CREATE *
  TOPIC orders LITERAL: ALLOW User:pat DESCRIBE *
  TOPIC orders LITERAL: ALLOW User:pat WRITE *
  TOPIC pay- PREFIXED: ALLOW User:pat CREATE *
  TOPIC pay- PREFIXED: ALLOW User:pat DESCRIBE *
  TOPIC pay- PREFIXED: ALLOW User:pat WRITE *
  TRANSACTIONAL_ID pay- PREFIXED: ALLOW User:pat DESCRIBE *
  TRANSACTIONAL_ID pay- PREFIXED: ALLOW User:pat WRITE *"
check "and those that match a topic, of one user" listed "
  TOPIC pay- PREFIXED: ALLOW User:pat CREATE *
  TOPIC pay- PREFIXED: ALLOW User:pat DESCRIBE *
  TOPIC pay- PREFIXED: ALLOW User:pat WRITE *" --topic pay-out --resource-pattern-type match --principal User:pat

# ---- What they may, and what not

topics() {
  as admin TopicCommand --create --topic secret --partitions 1 && as pat TopicCommand --create --topic orders --partitions 1
}
check "a topic is made by who may" topics
check "and by nobody else" says "Authorization failed." as con TopicCommand --create --topic mine --partitions 1
seen() { as pat TopicCommand --list > "$work/topics" && diff <(echo orders) "$work/topics"; }
check "who lists topics sees those he may describe" seen
console_wrote() { seq 10 > "$work/ten" && as pat ConsoleProducer --topic orders < "$work/ten" 2>&1 | tee "$work/said"; ! grep -q Exception "$work/said"; }
check "the console producer writes as the producer" console_wrote
not_written() { says "Not authorized to access topics: [secret]" as pat ConsoleProducer --topic secret < "$work/ten"; }
check "and not to another topic" not_written
console_read() { as con consumer.ConsoleConsumer --topic orders --group billing --from-beginning --max-messages 10 --timeout-ms 20000 > "$work/got" && diff "$work/ten" "$work/got"; }
check "the console consumer reads with its group" console_read
check "not with another group" says "Not authorized to access group: other" \
  as con consumer.ConsoleConsumer --topic orders --group other --from-beginning --timeout-ms 8000
check "and not another topic" says "Not authorized to access topics: [secret]" \
  as con consumer.ConsoleConsumer --topic secret --group billing --from-beginning --timeout-ms 8000
described() { as con consumer.group.ConsumerGroupCommand --describe --group billing | tee "$work/said"; grep -qE 'billing +orders +0 +10 +10 +0' "$work/said"; }
check "kafka-consumer-groups describes the own group" described
check "and not another one" says "GroupAuthorizationException" as con consumer.group.ConsumerGroupCommand --describe --group other
check "kafka-configs shows a topic's configs to who may" says "max.message.bytes" as admin ConfigCommand --describe --all --entity-type topics --entity-name orders
check "and to nobody else" says "Topic authorization failed." as pat ConfigCommand --describe --all --entity-type topics --entity-name orders
check "nor are they altered" says "Topic authorization failed." as pat ConfigCommand --alter --entity-type topics --entity-name orders --add-config retention.ms=1000
check "nor is a topic deleted" says "Topic authorization failed." as pat TopicCommand --delete --topic orders

transaction() { send pat pay-out -X transactional.id=pay-1; }
check "kcat writes in a transaction by the prefixed id, to a topic made on the way" transaction
check "and by no other" says "Transactional Id authorization failed" send pat pay-out -X transactional.id=own-1
idempotent() { send ida orders -X enable.idempotence=true; }
check "an idempotent producer writes" idempotent
check "who may write nothing has no producer id" says "authorization failed" send eve orders -X enable.idempotence=true

# ---- Deny, and take away

denied() {
  acls --add --deny-principal User:pat --deny-host 127.0.0.1 --operation Write --topic orders &&
    says "Topic authorization failed" send pat orders
}
check "a deny from one host beats what is allowed" denied
undone() { acls --remove --force --deny-principal User:pat --deny-host 127.0.0.1 --operation Write --topic orders && send pat orders; }
check "and removed it does not" undone
removed() { acls --remove --force --allow-principal User:pat --producer --topic orders && says "Topic authorization failed" send pat orders; }
check "kafka-acls --remove --producer takes it away" removed
cleared() {
  acls --remove --force --allow-principal User:con --consumer --topic orders --group billing &&
    acls --remove --force --topic pay-x --transactional-id pay-x --resource-pattern-type match &&
    acls --remove --force --topic orders --cluster && listed ""
}
check "and whole resources, until nothing is left" cleared
finish
