// Proves that the package's sockets, which are Node's, do what Deno's do for the broker and its client: bytes in any
// portions, the end of either half, what a peer causes by going, ports in use, and accepting that ends.
import { assertEquals, assertRejects } from "@std/assert";
import net from "node:net";
import { errorKind, type Transport } from "../../src/server/transport/transport.ts";
import { asOfDeno, Conn, Deno as runtime } from "./runtime.ts";
import { listenTcp, MAX_ARRIVED } from "./tcp.ts";

const LOCAL = { host: "127.0.0.1", port: 0 };

Deno.test("bytes pass both ways in portions as large as is asked for, up to the end of each half", async () => {
  await using pair = await connected();
  const { client, server } = pair;
  assertEquals(server.peer.port, client.localAddr.port);
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  await client.write(sent);
  await client.closeWrite();
  assertEquals(await all((into) => server.read(into), 1000), sent);
  await server.write(sent); // the other half is open still
  server.endWrites();
  assertEquals(await all((into) => client.read(into), 100_000), sent);
});

Deno.test("a read that waits ends when its own side closes, and a peer that resets is one that went", async () => {
  {
    await using pair = await connected();
    const reading = assertRejects(
      () => pair.server.read(new Uint8Array(1)),
      Deno.errors.BadResource,
    );
    pair.server.close();
    await reading;
    pair.server.close(); // again
  }
  await using pair = await connected();
  pair.socket.resetAndDestroy();
  const error = await pair.server.read(new Uint8Array(1)).catch((error) => error);
  assertEquals(errorKind(error), "disconnected");
});

Deno.test("a port in use is told with its address, and a closed listener accepts nobody", async () => {
  const listener = await listenTcp(LOCAL);
  const { port } = listener.address;
  const error = await assertRejects(
    () => listenTcp({ host: "127.0.0.1", port }),
    Error,
  ) as Error & { address?: unknown };
  assertEquals([error.name, error.address], ["AddrInUse", { host: "127.0.0.1", port }]);
  for (let i = 0; i < 3; i++) { // who comes and goes before it is accepted harms nobody
    const socket = net.connect({ host: "127.0.0.1", port }, () => socket.resetAndDestroy());
    await new Promise((resolve) => socket.once("close", resolve));
  }
  for (let i = 0; i < 3; i++) (await listener.accept()).close();
  const accepting = assertRejects(() => listener.accept(), Deno.errors.BadResource);
  listener.close();
  await accepting;
  await assertRejects(() => listener.accept(), Deno.errors.BadResource);
});

Deno.test("who comes while nobody accepts waits, but no more than so many", async () => {
  const listener = await listenTcp(LOCAL), sockets: net.Socket[] = [];
  let gone = 0;
  for (let i = 0; i < MAX_ARRIVED + 3; i++) {
    const socket = net.connect({ host: "127.0.0.1", port: listener.address.port });
    socket.on("close", () => gone++).on("error", () => {});
    sockets.push(socket);
    await new Promise((resolve) => socket.once("connect", resolve));
  }
  while (gone < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(gone, 3);
  listener.close();
  for (const socket of sockets) socket.destroy();
  while (gone < sockets.length) await new Promise((resolve) => setTimeout(resolve, 5));
});

Deno.test("in Deno the package has Deno's own, and errors of Node's have the names of Deno's", () => {
  assertEquals(runtime, Deno);
  const error = Object.assign(new Error("no"), { code: "EPIPE" });
  assertEquals(asOfDeno(error).name, "BrokenPipe");
  assertEquals(asOfDeno(new Error("other")).name, "Error");
});

async function connected() {
  const listener = await listenTcp(LOCAL);
  const socket = net.connect({ ...LOCAL, port: listener.address.port, allowHalfOpen: true });
  const client = new Conn(socket);
  const server: Transport = await listener.accept();
  return {
    socket,
    client,
    server,
    async [Symbol.asyncDispose]() {
      server.close();
      socket.destroy();
      listener.close();
      await new Promise((resolve) => setTimeout(resolve, 20)); // both ends are told
    },
  };
}

async function all(
  read: (into: Uint8Array) => Promise<number | null>,
  portion: number,
): Promise<Uint8Array> {
  const bytes: number[] = [], into = new Uint8Array(portion);
  for (let n = await read(into); n !== null; n = await read(into)) {
    bytes.push(...into.subarray(0, n));
  }
  return new Uint8Array(bytes);
}
