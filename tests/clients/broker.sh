# shellcheck shell=bash
# One broker under test, as a child of this shell: source it, set BROKER_COMMAND (it runs in the foreground) and BROKERS.
#   broker_start [SECONDS]   starts it and waits until its port answers; its output goes to BROKER_LOG, its pid to BROKER_PID
#   broker_stop              SIGTERM; fails unless it ends with exit code 0 within 10 s
#   broker_kill              SIGKILL
#   free_port                a port nobody listens on, and none of those that BROKERS and other variables have, whose broker may be down
BROKER_LOG=${BROKER_LOG:-/dev/null}

broker_start() {
  local seconds=${1:-30} until
  bash -c "exec $BROKER_COMMAND" >> "$BROKER_LOG" 2>&1 < /dev/null &
  BROKER_PID=$!
  export BROKER_PID
  until=$((SECONDS + seconds))
  while ! (exec 3<> "/dev/tcp/${BROKERS/://}") 2> /dev/null; do
    kill -0 "$BROKER_PID" 2> /dev/null || { echo "the broker ended: $(tail -3 "$BROKER_LOG")"; return 1; }
    [ "$SECONDS" -lt "$until" ] || { echo "the broker does not listen on $BROKERS after $seconds s"; return 1; }
    sleep 0.1
  done
}

broker_stop() {
  local code=0
  kill -TERM "$BROKER_PID" || return
  for _ in $(seq 100); do kill -0 "$BROKER_PID" 2> /dev/null || break; sleep 0.1; done
  if kill -0 "$BROKER_PID" 2> /dev/null; then echo "the broker still runs 10 s after SIGTERM"; kill -KILL "$BROKER_PID"; return 1; fi
  wait "$BROKER_PID" || code=$?
  [ "$code" = 0 ] || { echo "the broker ended with exit code $code after SIGTERM"; return 1; }
}

broker_kill() {
  kill -KILL "$BROKER_PID" && { wait "$BROKER_PID" 2> /dev/null || true; }
}

free_port() {
  local port taken=" ${BROKERS:-} ${controller:-} ${TLS_OTHER:-} ${TLS_PLAIN:-} "
  while port=$((20000 + RANDOM % 12000)); [[ $taken == *":$port "* ]] || (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do :; done
  echo "$port"
}
