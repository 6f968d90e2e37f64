/** Proves that a status which is none that doctor knows is told as such, whatever of it is missing. */
import { assertEquals } from "@std/assert";
import { askStatus } from "../../src/cli/doctor/broker_http.ts";

const STATUS = {
  version: "1",
  warnings: [],
  offline: [],
  clients: [],
  refused: [],
  storage: {},
  process: {},
  limits: {},
};

Deno.test("an answer that is no status of this runnel's kind is told as such", async () => {
  let body = "";
  const { signal, ...stop } = stoppable();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal, onListen() {} },
    () => new Response(body),
  );
  const place = {
    host: "127.0.0.1",
    port: server.addr.port,
    isTls: false,
    caCerts: [],
    authorization: null,
  };
  const url = `http://127.0.0.1:${place.port}`;
  for (const missing of Object.keys(STATUS)) {
    for (const one of [null, undefined, 5]) {
      body = JSON.stringify({ ...STATUS, [missing]: one });
      const told = `${url} answers with another status than this runnel knows`;
      assertEquals(await askStatus(place), told, body);
    }
  }
  stop.now();
  await server.finished;
});

function stoppable() {
  const controller = new AbortController();
  return { signal: controller.signal, now: () => controller.abort() };
}
