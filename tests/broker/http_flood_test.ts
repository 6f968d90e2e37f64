/**
 * Proves that a health check is answered while many who say nothing connect again as quickly as they are closed: more at
 * a time than may be open and than a usual backlog holds, so that without care most connections wait for the second
 * attempt of their system, which comes after a second.
 */
import { assert } from "@std/assert";
import { startHttp } from "../../src/metrics/http.ts";

const CONNECTIONS = 1600;
const CHECKS = 12;
/** A half of what the first repetition of a lost SYN takes. */
const SOON_MS = 500;

Deno.test("a flood of connections that are made again at once hides a health check from nobody", async () => {
  const server = startHttp({
    hostname: "127.0.0.1",
    port: 0,
    maxConnections: 1000,
    metrics: null,
    notReady: () => null,
  });
  const script = new URL("./http_reconnects.ts", import.meta.url).pathname;
  const flood = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", script, String(server.port), String(CONNECTIONS)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = flood.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    await said.read(); // it has begun
    const took: number[] = [];
    for (let i = 0; i < CHECKS; i++) {
      for (const path of ["healthz", "readyz"]) {
        const beganMs = performance.now();
        const answer = await fetch(`http://127.0.0.1:${server.port}/${path}`);
        await answer.body?.cancel();
        took.push(performance.now() - beganMs);
      }
    }
    took.sort((a, b) => a - b);
    const typicalMs = took[took.length >> 1];
    assert(typicalMs < SOON_MS, `a health check takes ${typicalMs} ms: ${took.map(Math.round)}`);
  } finally {
    const input = flood.stdin.getWriter();
    await input.write(new Uint8Array(1));
    await input.close();
    const made = Number((await said.read()).value);
    await said.cancel();
    await flood.status;
    server.stop();
    assert(made > 2 * CONNECTIONS, `only ${made} connections were made: that is no flood`);
  }
});
