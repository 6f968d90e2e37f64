/**
 * Shows what Deno.serve lacks, for which http.ts is there: a deadline for a request's header, and one for a reader that
 * takes nothing of its answer. A test here that fails is good news: the runtime has that limit now, and http.ts may go.
 */
import { assertEquals } from "@std/assert";
import { listenTcp } from "../server/transport/tcp.ts";
import { startHttp } from "./http.ts";
import type { Pages } from "./http_pages.ts";

/** Our own limits in these tests; the runtime's would have to come within several times that. */
const LIMIT_MS = 200, PATIENCE_MS = 2000;

const endless = (onCancel: () => void) =>
  new Response(
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1 << 20)),
      cancel: onCancel,
    }),
  );

interface Served extends AsyncDisposable {
  readonly port: number;
}

/** By the runtime, or by ours. */
function serve(isOurs: boolean, answer: () => Response): Served {
  if (!isOurs) {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    const stopping = new AbortController();
    const server = Deno.serve({ ...options, signal: stopping.signal }, answer);
    return {
      port: server.addr.port,
      async [Symbol.asyncDispose]() {
        stopping.abort();
        await server.finished;
      },
    };
  }
  const pages: Pages = {
    maxBodyBytes: () => 0,
    partMs: LIMIT_MS,
    answer: () => Promise.resolve(answer()),
  };
  const server = startHttp({
    listener: listenTcp({ host: "127.0.0.1", port: 0 }),
    maxConnections: 10,
    timeoutMs: LIMIT_MS,
    metrics: null,
    notReady: () => null,
    pages,
  });
  return { port: server.port, [Symbol.asyncDispose]: () => Promise.resolve(server.stop()) };
}

async function isWithin(happens: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(resolve, PATIENCE_MS, false));
  const found = await Promise.race([happens.then(() => true), late]);
  clearTimeout(timer);
  return found;
}

for (const isOurs of [true, false]) {
  const who = isOurs ? "ours" : "Deno.serve", does = isOurs ? "ends" : "never ends";

  Deno.test(`${who} ${does} a connection whose header does not come`, async () => {
    await using server = serve(isOurs, () => new Response("x"));
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\nX: "));
    const ended = conn.read(new Uint8Array(100)).catch(() => null); // an answer, or the end
    assertEquals(await isWithin(ended), isOurs);
    conn.close();
    await ended;
  });

  Deno.test(`${who} ${does} an answer whose reader takes nothing`, async () => {
    const ended = Promise.withResolvers<void>();
    await using server = serve(isOurs, () => endless(ended.resolve));
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assertEquals(await isWithin(ended.promise), isOurs);
  });
}
