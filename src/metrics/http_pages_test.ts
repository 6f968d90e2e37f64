/**
 * Proves what pages get and give over bare connections, and the limits that neither Deno.serve nor node:http keeps: bodies
 * that do not come, and readers that do not read.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { listenTcp } from "../server/transport/tcp.ts";
import { startHttp } from "./http.ts";
import type { Pages } from "./http_pages.ts";

const MAX_BODY_BYTES = 1000, BODY_MS = 200, PART_MS = 300;
const LARGE_BODY_BYTES = 2 << 20;

async function withPages(
  answer: Pages["answer"],
  test: (port: number) => Promise<void>,
): Promise<void> {
  const server = startHttp({
    listener: listenTcp({ host: "127.0.0.1", port: 0 }),
    maxConnections: 10,
    timeoutMs: 300,
    metrics: null,
    notReady: () => null,
    pages: {
      maxBodyBytes: (path) => path === "/large" ? LARGE_BODY_BYTES : MAX_BODY_BYTES,
      bodyMs: BODY_MS,
      partMs: PART_MS,
      answer,
    },
  });
  try {
    await test(server.port);
  } finally {
    server.stop();
  }
}

const echo: Pages["answer"] = async (request, { peer }) => {
  const { pathname, search, host } = new URL(request.url);
  return Response.json({
    method: request.method,
    pathname,
    search,
    host,
    peer,
    body: await request.text(),
    header: request.headers.get("x-mine"),
  });
};

/** Sends the text and gives back the whole answer. */
async function ask(port: number, text: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(text));
  return await new Response(conn.readable).text();
}

const post = (lines: string, body: string) =>
  `POST /p HTTP/1.1\r\nHost: localhost:9\r\n${lines}\r\n\r\n${body}`;

Deno.test("a request comes as it was sent, with its body and who sent it; health stays what it is", () =>
  withPages(echo, async (port) => {
    const body = "ü".repeat(400);
    const response = await fetch(`http://127.0.0.1:${port}/a%2Fb?x=1&x=2`, {
      method: "POST",
      body,
      headers: { "x-mine": "yes" },
    });
    assertEquals(await response.json(), {
      method: "POST",
      pathname: "/a%2Fb",
      search: "?x=1&x=2",
      host: `127.0.0.1:${port}`,
      peer: "127.0.0.1",
      body,
      header: "yes",
    });
    assertEquals(await (await fetch(`http://127.0.0.1:${port}/healthz`)).text(), "ok\n");
    const head = await ask(port, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assertMatch(head, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
    const old = await ask(port, "GET /x HTTP/1.0\r\nHost: a\r\n\r\n");
    assert(!/transfer-encoding/i.test(old));
    assertMatch(old, /\r\n\r\n\{"method":"GET"/);
  }));

const refused: [name: string, text: string, status: number][] = [
  ["a body that is too large", post(`Content-Length: ${MAX_BODY_BYTES + 1}`, "x"), 413],
  ["a body in chunks", post("Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n"), 411],
  ["two lengths", post("Content-Length: 1\r\nContent-Length: 2", "xx"), 400],
  ["another method", "DELETE /p HTTP/1.1\r\nHost: a\r\n\r\n", 405],
  ["a proxy's target", "GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n", 404],
  ["a body that does not come", post("Content-Length: 10", "half"), 408],
];
for (const [name, text, status] of refused) {
  Deno.test(`${name} is refused with ${status}`, () =>
    withPages(echo, async (port) => {
      assertMatch(await ask(port, text), new RegExp(`^HTTP/1\\.1 ${status} `));
    }));
}

Deno.test("a stream comes part by part, and whoever makes it is told when its reader goes", async () => {
  const gone = Promise.withResolvers<string>();
  const answer: Pages["answer"] = (request) => {
    request.signal.addEventListener("abort", () => gone.resolve("aborted"));
    const parts = ["one\n", "two\n"].map((text) => new TextEncoder().encode(text));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
      },
    });
    return Promise.resolve(new Response(body));
  };
  await withPages(answer, async (port) => {
    const leaving = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/s`, { signal: leaving.signal });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (text !== "one\ntwo\n") text += (await reader.read()).value;
    leaving.abort();
    await reader.closed.catch(() => {});
    assertEquals(await gone.promise, "aborted");
  });
});

Deno.test("a reader that takes nothing is left, and its answer ended", async () => {
  const cancelled = Promise.withResolvers<void>();
  const answer: Pages["answer"] = () => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
      cancel: () => cancelled.resolve(),
    });
    return Promise.resolve(new Response(body));
  };
  await withPages(answer, async (port) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode("GET /s HTTP/1.1\r\nHost: a\r\n\r\n"));
    await cancelled.promise; // without reading a byte
  });
});

Deno.test("an answer that fails on its way does not look whole", async () => {
  const answer: Pages["answer"] = () => {
    let parts = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (++parts > 2) controller.error(new Error("broken"));
        else controller.enqueue(new Uint8Array([65]));
      },
    });
    return Promise.resolve(new Response(body));
  };
  await withPages(answer, async (port) => {
    const text = await ask(port, "GET /s HTTP/1.1\r\nHost: a\r\n\r\n");
    assert(!text.endsWith("0\r\n\r\n"), text);
  });
});

Deno.test("large bodies are held so many bytes at a time, whoever sends them, and small ones are taken meanwhile", () =>
  withPages(echo, async (port) => {
    const header = `POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE_BODY_BYTES}\r\n\r\n`;
    const conns: Deno.Conn[] = [];
    for (let i = 0; i < 8; i++) { // 16 MiB of them, which do not come
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await conn.write(new TextEncoder().encode(header));
      conns.push(conn);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertMatch(await ask(port, header), /^HTTP\/1\.1 503 /);
    assertMatch(await ask(port, post("Content-Length: 1", "x")), /^HTTP\/1\.1 200 /);
    for (const conn of conns) {
      assertMatch(await new Response(conn.readable).text(), /^HTTP\/1\.1 408 /);
    }
    assertMatch(await ask(port, header + "x".repeat(LARGE_BODY_BYTES)), /^HTTP\/1\.1 200 /);
  }));
