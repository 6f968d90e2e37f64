/** Proves the routes and what hostile or slow HTTP gets, by sending bytes to a server on a free port. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { listenTcp } from "../server/transport/tcp.ts";
import { startHttp } from "./http.ts";

const TIMEOUT_MS = 300;

/** Sends the text and gives back the whole answer. */
async function ask(port: number, text: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  let answer = "";
  const buffer = new Uint8Array(4096);
  for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
    answer += new TextDecoder().decode(buffer.subarray(0, n));
  }
  return answer;
}

async function withServer(
  test: (port: number) => Promise<void>,
  notReady: string | null = null,
  hasMetrics = true,
) {
  const server = startHttp({
    listener: listenTcp({ host: "127.0.0.1", port: 0 }),
    maxConnections: 3,
    timeoutMs: TIMEOUT_MS,
    metrics: hasMetrics
      ? {
        contentType: "text/plain; version=0.0.4",
        render: () => Promise.resolve(new TextEncoder().encode("up 1\n")),
      }
      : null,
    notReady: () => notReady,
  });
  try {
    await test(server.port);
  } finally {
    server.stop();
  }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:9093\r\n\r\n`;
const withHeader = (line: string) => `GET /healthz HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`;
const status = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);

Deno.test("the three routes answer, and HEAD leaves the body out", () =>
  withServer(async (port) => {
    assertMatch(
      await ask(port, get("/metrics")),
      /^HTTP\/1\.1 200 OK\r\nContent-Type: text\/plain; version=0\.0\.4\r\n[^]*\r\n\r\nup 1\n$/,
    );
    assertMatch(await ask(port, get("/healthz?x=1")), /\r\n\r\nok\n$/);
    assertMatch(await ask(port, get("/readyz")), /\r\n\r\nready\n$/);
    assertMatch(
      await ask(port, get("/healthz").replace("GET", "HEAD")),
      /Content-Length: 3\r\n[^]*\r\n\r\n$/,
    );
  }));

Deno.test("/readyz says why the broker is not ready", () =>
  withServer(async (port) => {
    const answer = await ask(port, get("/readyz"));
    assertEquals(status(answer), 503);
    assertMatch(answer, /replaying logs\n$/);
  }, "replaying logs"));

Deno.test("/metrics is not found when metrics are off", () =>
  withServer(
    async (port) => assertEquals(status(await ask(port, get("/metrics"))), 404),
    null,
    false,
  ));

const refused: [name: string, text: string, status: number][] = [
  ["another path", get("/"), 404],
  ["a path with ..", get("/../metrics"), 404],
  ["an encoded path", get("/%6detrics"), 404],
  ["an absolute URI", get("http://evil/metrics"), 404],
  ["POST", "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 405],
  ["two Content-Lengths", withHeader("Content-Length: 1\r\nContent-Length: 2"), 400],
  [
    "Content-Length with Transfer-Encoding",
    withHeader("Content-Length: 1\r\nTransfer-Encoding: chunked"),
    400,
  ],
  ["a negative Content-Length", withHeader("Content-Length: -1"), 400],
  ["a malformed Host", "GET /healthz HTTP/1.1\r\nHost: a b/:99999999\r\n\r\n", 400],
  ["no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400],
  ["two Hosts", withHeader("Host: b"), 400],
  ["a folded header", withHeader("X: a\r\n b"), 400],
  ["a space before the colon", withHeader("X : a"), 400],
  ["300 KB of headers", withHeader(`X: ${"y".repeat(300_000)}`), 400],
  ["TLS", "\x16\x03\x01\x02\x00\x01\x00", 400],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
];

Deno.test("what is no exact request for a route is refused", () =>
  withServer(async (port) => {
    for (const [name, text, expected] of refused) {
      assertEquals(status(await ask(port, text)), expected, name);
    }
  }));

Deno.test("a header of blanks takes no more of the event loop than one of letters", () =>
  withServer(async (port) => {
    const tookMs = async (line: string) => {
      const times: number[] = [];
      for (let i = 0; i < 7; i++) {
        const began = performance.now();
        await ask(port, withHeader(line));
        times.push(performance.now() - began);
      }
      return times.sort((a, b) => a - b)[3];
    };
    const letters = await tookMs(`X: ${"y".repeat(8000)}`), blanks = " ".repeat(8000);
    for (const line of [`Authorization: x${blanks}x`, `X:${blanks}\x01`, `X: y${blanks}`]) {
      const ms = await tookMs(line);
      assert(ms < 5 * letters + 10, `${line.slice(0, 16)}: ${ms} ms, and letters ${letters} ms`);
    }
  }));

Deno.test("a header that does not end is answered 408, and so is silence", () =>
  withServer(async (port) => {
    assertEquals(status(await ask(port, "GET /metrics HTTP/1.1\r\nHost: a\r\nX: ")), 408);
    assertEquals(status(await ask(port, "")), 408);
  }));

/** Opens connections that send this and no more. */
async function slow(port: number, count: number, text: string): Promise<Deno.TcpConn[]> {
  return await Promise.all(Array.from({ length: count }, async () => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode(text));
    return conn;
  }));
}

for (const text of ["", "GET /metrics HTTP/1.1\r\nX: "]) {
  Deno.test(`100 clients that send ${text === "" ? "nothing" : "half a header"} hide a health check from nobody`, () =>
    withServer(async (port) => {
      const idle = await slow(port, 100, text);
      for (let i = 0; i < 10; i++) assertMatch(await ask(port, get("/healthz")), /200 OK/);
      for (const conn of idle) conn.close();
    }));
}

Deno.test("clients that do not take their answers hide a health check from nobody", () =>
  withServer(async (port) => {
    const idle = await slow(port, 10, get("/metrics"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 0; i < 10; i++) assertMatch(await ask(port, get("/healthz")), /200 OK/);
    for (const conn of idle) conn.close();
  }));

Deno.test("the oldest connection without a header makes room, and who waits for an answer does not", async () => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const asked = Promise.withResolvers<void>();
  const server = startHttp({
    listener: listenTcp({ host: "127.0.0.1", port: 0 }),
    maxConnections: 2,
    timeoutMs: 5000,
    metrics: {
      contentType: "text/plain",
      render() {
        asked.resolve();
        return promise;
      },
    },
    notReady: () => null,
  });
  const scrape = ask(server.port, get("/metrics"));
  await asked.promise;
  const idle = await slow(server.port, 3, "");
  assertMatch(await ask(server.port, get("/healthz")), /200 OK/);
  resolve(new TextEncoder().encode("up 1\n"));
  assertMatch(await scrape, /up 1/);
  for (const conn of idle) conn.close();
  server.stop();
});
