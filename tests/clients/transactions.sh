#!/bin/bash
# Transactions of kafkajs, librdkafka and franz-go: each copies topics with its own kind of consumer and producer while it
# and the broker are killed. RUNNEL is the command that starts the broker under test (default: this checkout through
# deno); arguments go to tests/transactions/clients.ts, which judges: SECONDS, KILLS, --broker=kafka and the like.
set -uo pipefail
cd "$(dirname "$0")" || exit
work=$(mktemp -d "${TMPDIR:-/tmp}/runnel-transactions.XXXXXX")
trap 'rm -rf "$work"' EXIT
. ./other_clients.sh
python_there && franz_there transactions/franz || { echo "the clients could not be installed"; echo "0 passed, 1 failed"; exit 1; }
PYTHON=$python FRANZ=$franz deno run --no-check --allow-all ../transactions/clients.ts "$@"
