#!/bin/bash
# kafka-transactions on hanging transactions, as a foreign directory may bring them: found, described, and ended.
#   BROKERS=127.0.0.1:9092 tests/clients/transaction_tools.sh
# The broker runs with transaction.partition.verification.enable=false, or nothing can be made to hang. With
# BROKER_COMMAND, which runs it in the foreground, it is started here so (Runnel's flag).
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
. "$here/kafka_tools.sh"
. "$here/broker.sh"
kafka_tools_install || { echo "transaction_tools.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
trap 'kill -KILL "${BROKER_PID:-none}" 2> /dev/null; rm -rf "$work"' EXIT

transactions() { tool org.apache.kafka.tools.TransactionsCommand --bootstrap-server "$BROKERS" "$@" > "$work/said" 2> "$work/err" || { cat "$work/said" "$work/err"; return 1; }; }
hang() { deno run --no-check --allow-net --allow-env "$here/transactions/hang.ts" "$topic"; }
stable() { # how many records readers of what is committed see, up to the last of them
  timeout 60 kcat -b "$BROKERS" -C -t "$topic" -o beginning -e -q -X isolation.level=read_committed > "$work/read" || return
  grep -cx '[0-9]*' "$work/read" || true
}

find_by_broker() { transactions find-hanging --broker-id "${BROKER_ID:-0}" --max-transaction-timeout 1 && [ "$(grep -c "^$topic[[:space:]]" "$work/said")" = 2 ]; }
find_by_topic() { transactions find-hanging --topic "$topic" --partition 1 --max-transaction-timeout 1 && grep -Eq "^$topic\s+1\s+424242\s+3\s" "$work/said"; }
young() { transactions find-hanging --topic "$topic" --max-transaction-timeout 90 && ! grep "^$topic[[:space:]]" "$work/said"; }
open() { transactions describe-producers --topic "$topic" --partition 1 && grep -Eq '^424242\s+3\s.*\s0\s*$' "$work/said"; }
abort_known() { transactions abort --topic "$topic" --partition 0 --start-offset 0; }
abort_unknown() { transactions abort --topic "$topic" --partition 1 --producer-id 424242 --producer-epoch 3 --coordinator-epoch 0; }
closed() { transactions describe-producers --topic "$topic" --partition 1 && grep -Eq '^424242\s+3\s.*\sNone\s*$' "$work/said"; }
gone() { transactions find-hanging --broker-id "${BROKER_ID:-0}" --max-transaction-timeout 1 && ! grep "^$topic[[:space:]]" "$work/said"; }
console() { seq 10 > "$work/numbers"; tool org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$BROKERS" --topic "$topic" < "$work/numbers"; }
hidden() { [ "$(stable)" = 0 ]; }
shown() { [ "$(stable)" = 10 ]; }

if [ -n "${BROKER_COMMAND:-}" ]; then
  BROKER_COMMAND="$BROKER_COMMAND --transactions-partition-verification-enable=false"
  check "the broker starts" broker_start
fi
check "two transactions hang" hang
check "what is written behind them" console
check "is hidden from readers of committed records" hidden
check "kafka-transactions find-hanging --broker-id finds both" find_by_broker
check "kafka-transactions find-hanging --topic --partition finds one" find_by_topic
check "kafka-transactions find-hanging leaves out what is younger" young
check "kafka-transactions describe-producers shows where it begins" open
check "kafka-transactions abort --start-offset" abort_known
check "kafka-transactions abort of a producer that the coordinator does not know" abort_unknown
check "kafka-transactions describe-producers shows none open" closed
check "kafka-transactions find-hanging finds none" gone
check "readers of committed records see what was behind, and no aborted record" shown
if [ -n "${BROKER_COMMAND:-}" ]; then check "the broker stops" broker_stop; fi
finish
