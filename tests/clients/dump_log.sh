#!/bin/bash
# kafka-dump-log over the files of a broker at rest: BROKER_DATA=<its data directory> tests/clients/dump_log.sh
# Every .log, .index and .timeindex is read by Kafka's own code, which checks lengths, CRCs, offsets, and each index
# entry against the log it points into. Works after a clean stop and after a kill -9 followed by a restart.
set -uo pipefail
. "$(dirname "$0")/checks.sh"
. "$(dirname "$0")/kafka_tools.sh"
kafka_tools_install || { echo "dump_log.sh could not install the tools"; echo "0 passed, 1 failed"; exit 1; }
BROKER_DATA=${BROKER_DATA:?needs the data directory of a broker}

files() { find "$BROKER_DATA" -path '*-delete' -prune -o -path "$1" -name "0*.$2" -size +0 -print | sort; }
complaints='mismatch|isvalid: false|non-consecutive|Exception|following indices|misordered|Out of order|remaining bytes|Could not|Found '

dump() { # path pattern, suffix, decoder options...
  local of
  of=$(files "$1" "$2")
  [ -n "$of" ] || { echo "no $2 file in $BROKER_DATA"; return 1; }
  tool org.apache.kafka.tools.DumpLogSegments --deep-iteration "${@:3}" --files "$(paste -sd, <<< "$of")" \
    > "$work/dump" 2> "$work/raw.err" || { cat "$work/raw.err"; return 1; }
  first_is_base < "$work/raw.err" > "$work/dump.err"
  # What a record holds is not the tool's opinion: leave the payloads out of the search.
  if [ -s "$work/dump.err" ] || sed 's/ payload: .*//; s/ key: .*//' "$work/dump" | grep -anE "$complaints" > "$work/bad"; then
    cat "$work/dump.err" "$work/bad" 2> /dev/null | head -5
    return 1
  fi
  figure="$(grep -c '' <<< "$of") files, $(grep -acE '^\| offset|^offset: |^timestamp: ' "$work/dump") entries"
}
# DumpLogSegments.dumpBatchRecords expects offset 0 in every file, a second segment's too: "-1 is followed by BASE" is well.
first_is_base() {
  awk '/^Non-consecutive offsets in / { file = $0; base = $NF; sub(".*/0*", "", base); sub("\\.log$", "", base); next }
    /^ *-1 is followed by / && $NF == base { next }
    / is followed by / { print file }
    { print }'
}
for suffix in log index timeindex; do
  figure=
  check "kafka-dump-log has no complaint about any .$suffix" dump '*' "$suffix" --print-data-log
  echo "       $figure"
done
check "kafka-dump-log decodes the metadata log" dump '*/__cluster_metadata-0/*' log --cluster-metadata-decoder
finish
