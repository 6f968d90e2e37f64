/**
 * Proves that a health check is answered while many who say nothing connect again as quickly as they are closed: more at
 * a time than may be open and than a usual backlog holds, so that without care most connections wait for the second
 * attempt of their system, which comes after a second.
 */
import { assert } from "@std/assert";
import { startHttp } from "../../src/metrics/http.ts";
import { listenTcp } from "../../src/server/transport/tcp.ts";

const CONNECTIONS = 1600;
const CHECKS = 12;
/**
 * For all checks: a connection that the system refused is tried again after 1, 3, 7 s and more, whatever the machine. How
 * long a queue takes depends on that; src/metrics/askers_test.ts has the arithmetic.
 */
const LIMIT_MS = 45_000;

Deno.test("a flood of connections that are made again at once hides a health check from nobody", async () => {
  const server = startHttp({
    listener: listenTcp({ host: "127.0.0.1", port: 0 }),
    maxConnections: 1000,
    metrics: null,
    notReady: () => null,
  });
  const script = new URL("./http_reconnects.ts", import.meta.url).pathname;
  const flood = new Deno.Command("deno", {
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
    const allMs = took.reduce((sum, ms) => sum + ms, 0);
    assert(allMs < LIMIT_MS, `health checks took ${allMs} ms: ${took.map(Math.round)}`);
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
