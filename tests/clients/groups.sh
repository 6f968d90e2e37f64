#!/bin/bash
# Groups of real clients while everything around them goes wrong: BROKERS=127.0.0.1:9092 tests/clients/groups.sh
# Each group has three consumers. One is killed (-9), another comes; with BROKER_COMMAND (which runs the broker in the
# foreground on the address in BROKERS) the broker is started here, stopped, started, killed and started again. Every
# record that was acknowledged to the producer must have come out of every group; then all consumers leave, and one
# that returns must go on where they committed. CLIENTS limits the groups: CLIENTS='kafkajs|java'.
set -uo pipefail
cd "$(dirname "$0")" || exit
. ./checks.sh
. ./kafka_tools.sh
. ./broker.sh
. ./other_clients.sh
cd groups || exit
trap 'kill -KILL $(cat "$work"/*.pid) $(jobs -p) 2> /dev/null; rm -rf "$work"' EXIT

records() { deno run --no-check --allow-net --allow-env records.ts "$@"; }

# consumer CLIENT-PROTOCOL TOPIC GROUP   becomes that consumer, which prints what it read
consumer() {
  case $1 in
    kafkajs-*) exec deno run --no-check --allow-net --allow-env --allow-read --allow-sys kafkajs.ts "$2" "$3" ;;
    runnel-*) exec deno run --no-check --allow-net --allow-env --allow-read --allow-sys runnel.ts "$2" "$3" "${1#*-}" ;;
    librdkafka-*) exec "$python" librdkafka.py "$2" "$3" "${1#*-}" ;;
    franz-*) exec "$franz" "$2" "$3" "${1#*-}" ;;
    java-range) java_consumer "$2" "$3" --session-timeout 6000 ;;
    java-cooperative) java_consumer "$2" "$3" --session-timeout 6000 --assignment-strategy org.apache.kafka.clients.consumer.CooperativeStickyAssignor ;;
    java-consumer) java_consumer "$2" "$3" --group-protocol consumer ;;
  esac
}
java_consumer() {
  local topic=$1 group=$2
  shift 2
  exec java -Xms32m -Xmx192m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$KAFKA_LIBS/*" -Dlog4j2.level=ERROR \
    org.apache.kafka.tools.VerifiableConsumer --bootstrap-server "$BROKERS" --topic "$topic" --group-id "$group" --verbose "$@"
}

install() {
  case $clients in *java*) kafka_tools_install || return ;; esac
  case $clients in
    *librdkafka*) python_there || return ;;
  esac
  case $clients in
    *franz*) franz_there franz || return ;;
  esac
}

# ---- One wave: some groups at once on one topic

consume() { # group, number of the consumer: starts it; its pid is in $work/GROUP.NUMBER.pid
  consumer "$1" "$wave_topic" "$wave_topic-$1" >> "$work/$wave_topic-$1.$2.out" 2>> "$work/$wave_topic-$1.$2.err" < /dev/null &
  echo $! > "$work/$wave_topic-$1.$2.pid"
  disown # the shell need not tell how it ended
}
signal() { kill "-$1" "$(cat "$work/$wave_topic-$2.$3.pid")" 2> /dev/null; }
values() { # group, consumers: what those consumers read
  cat $2 | sed -nE 's/^([0-9]+)$/\1/p; s/.*"name":"record_data".*"value":"([0-9]+)".*/\1/p'
}
read_of() { values "$1" "$work/$wave_topic-$1.*.out" | sort -u; }

write_on() { # number: where to go on
  (exec deno run --no-check --allow-net --allow-env records.ts write "$wave_topic" "$1" 100) > "$work/$wave_topic.ledger.$1" 2> "$work/$wave_topic.writer" &
  writer=$!
}
write_end() { kill -TERM "$writer" && wait "$writer" || { cat "$work/$wave_topic.writer"; return 1; }; }

reads_something() {
  for _ in $(seq 900); do [ -n "$(read_of "$1")" ] && return; sleep 0.2; done
  echo "nothing read in three minutes"; tail -3 "$work/$wave_topic-$1".*.err; return 1
}
nothing_missing() {
  sort -u "$work/$wave_topic".ledger.* > "$work/sent"
  for _ in $(seq 600); do
    read_of "$1" > "$work/got"
    missing=$(comm -23 "$work/sent" "$work/got" | wc -l)
    [ "$missing" = 0 ] && { echo "       $(wc -l < "$work/sent") records, $(values "$1" "$work/$wave_topic-$1.*.out" | wc -l) times read"; return; }
    sleep 0.3
  done
  echo "$missing of $(wc -l < "$work/sent") acknowledged records were not read, such as $(comm -23 "$work/sent" "$work/got" | head -3 | tr '\n' ' ')"
  tail -3 "$work/$wave_topic-$1".*.err
  return 1
}
resumes() { # the fifth consumer reads what is new, and little of what is old
  nothing_missing "$1" || return
  local old; old=$(values "$1" "$work/$wave_topic-$1.5.out" | awk -v first="$first_new" '$1 < first' | wc -l)
  [ "$old" -lt 200 ] || { echo "$old records were read again after a clean end"; return 1; }
}

wave() {
  local groups=$*
  wave_topic=$topic-${1%%-*}
  check "a topic for $groups" records topic "$wave_topic"
  write_on 0
  for group in $groups; do for i in 1 2 3; do consume "$group" $i; done; done
  for group in $groups; do check "$group: three consumers read" reads_something "$group"; done
  for group in $groups; do signal KILL "$group" 1; consume "$group" 4; done
  sleep "${SETTLE_SECONDS:-8}" # the session of the killed ones ends, and their partitions go to others
  if [ -n "${BROKER_COMMAND:-}" ]; then
    check "the broker stops and starts" restart broker_stop
    sleep 4
    check "the broker is killed and starts" restart broker_kill
    sleep 4
  fi
  check "the producer ends with everything acknowledged" write_end
  for group in $groups; do
    check "$group: nothing missing" nothing_missing "$group"
    sed -n '/times read/p' "$out"
  done

  for group in $groups; do for i in 2 3 4; do signal TERM "$group" $i; done; done
  for group in $groups; do for i in 2 3 4; do gone "$group" $i; done; done
  first_new=$(($(sort -n "$work/sent" | tail -1) + 1))
  write_on $first_new
  for group in $groups; do consume "$group" 5; done
  sleep 3
  check "more is written" write_end
  for group in $groups; do check "$group: a consumer that returns goes on where they committed" resumes "$group"; done
  for group in $groups; do signal KILL "$group" 5; done
}
restart() { "$1" && broker_start; }
gone() { # at most a minute, then by force
  local pid; pid=$(cat "$work/$wave_topic-$1.$2.pid")
  for _ in $(seq 300); do kill -0 "$pid" 2> /dev/null || return; sleep 0.2; done
  kill -KILL "$pid" 2> /dev/null
}

# Of the light clients all at once, of the JVMs too: the time goes by waiting for sessions to end.
light="runnel-range runnel-cooperative-sticky kafkajs-roundrobin librdkafka-range librdkafka-cooperative-sticky franz-range franz-cooperative-sticky"
heavy="java-range java-cooperative"
if [ -n "${BROKER_COMMAND:-}" ]; then check "the broker starts" broker_start; fi
if records serves 68; then
  light="$light runnel-consumer librdkafka-consumer franz-consumer" heavy="$heavy java-consumer"
else
  echo "     $suite: the broker does not serve ConsumerGroupHeartbeat; groups of the consumer protocol are left out"
fi
chosen() { for group in $1; do [[ $group =~ ${CLIENTS:-.} ]] && echo "$group"; done; }
light=$(chosen "$light") heavy=$(chosen "$heavy")
clients="$light $heavy"
check "the clients are there" install
[ -z "$light" ] || wave $light
[ -z "$heavy" ] || wave $heavy
if [ -n "${BROKER_COMMAND:-}" ]; then check "the broker stops" broker_stop; fi
finish
