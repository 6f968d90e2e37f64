/** Proves that `runnel health` tells a broker that serves from one that does not, and from none. */
import { assertEquals } from "@std/assert";
import { run } from "../mod.ts";

/** What is printed, and the exit code. */
async function healthOf(port: number): Promise<{ readonly code: number; readonly said: string }> {
  const { log, error } = console, said: string[] = [];
  console.log = console.error = (line: string) => void said.push(line);
  try {
    const code = await run(
      ["health", `--http-port=${port}`],
      () => Promise.reject(new Error("no start")),
    );
    return { code, said: said.join("\n") };
  } finally {
    Object.assign(console, { log, error });
  }
}

function answering(status: number, text: string) {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) =>
      new URL(request.url).pathname === "/readyz"
        ? new Response(text, { status })
        : new Response(null, { status: 404 }),
  );
  return server;
}

Deno.test("who serves is healthy, with what is wrong with parts of it", async () => {
  await using server = answering(200, "ready\na partition is offline: a-0\n");
  assertEquals(await healthOf(server.addr.port), {
    code: 0,
    said: "ready\na partition is offline: a-0",
  });
});

Deno.test("who starts, or is not there, is not", async () => {
  const server = answering(503, "starting\x1b[2J\n"), { port } = server.addr;
  assertEquals(await healthOf(port), { code: 1, said: "starting\\u{1b}[2J" });
  await server.shutdown();
  const { code, said } = await healthOf(port);
  assertEquals(
    [code, said.startsWith(`runnel: no answer from http://127.0.0.1:${port}/readyz: `)],
    [1, true],
  );
});
