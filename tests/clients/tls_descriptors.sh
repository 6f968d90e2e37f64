#!/bin/bash
# A broker that was started with few descriptors (ulimit -n 160): clients that open connections at its TLS listener and say
# nothing take what there is; plain clients get in meanwhile, and clients over TLS when they have gone.
#     BROKERS: its TLS listener, TLS_PLAIN: its plain one, TLS_FOLDER: of certificates.ts
set -uo pipefail
. "$(dirname "$0")/checks.sh"
port=${BROKERS#*:}

silent() {
  deno eval "const all = []; for (let i = 0; i < 400; i++) { try { all.push(await Deno.connect({ hostname: '127.0.0.1', port: $port })); } catch { break; } }
    await new Promise((r) => setTimeout(r, 4000)); Deno.exit();" &
  holder=$!
  sleep 3
  timeout 20 kcat -b "$TLS_PLAIN" -m 10 -L | grep -q ' 1 brokers:'
}
check "a plain client gets in while 400 say nothing at the TLS listener" silent
wait "$holder"
back() {
  for _ in $(seq 15); do
    timeout 10 kcat -b "localhost:$port" -X security.protocol=ssl -X "ssl.ca.location=$TLS_FOLDER/ca.pem" -m 3 -L | grep -q ' 1 brokers:' && return
    sleep 2
  done
  return 1
}
check "clients over TLS get in when they have gone" back
finish
